import { and, asc, eq, isNotNull, isNull, lte } from '../drizzle.ts';
import type { SignerTx } from './tables.ts';

/** Ids of keys that ended, and of which something is still to be destroyed, in the order of their end. */
export function keysToDestroy(tx: SignerTx, now: number, most: number): Promise<string[]> {
  return due(tx, now, most, true);
}

/** Ids of keys that are to end by now, and have not, in the order of their end. */
export function keysToEnd(tx: SignerTx, now: number, most: number): Promise<string[]> {
  return due(tx, now, most, false);
}

async function due(tx: SignerTx, now: number, most: number, ended: boolean): Promise<string[]> {
  const { keys: k } = tx.t;
  const rows = await tx.db
    .select({ id: k.id })
    .from(k)
    .where(and(lte(k.endsAt, now), ended ? isNotNull(k.endedAt) : isNull(k.endedAt)))
    .orderBy(asc(k.endsAt))
    .limit(most);
  return rows.map(({ id }) => id);
}

/** Ids of a subscriber's authorizations that still hold a copy of this key's DEK. */
export async function authorizationsWithDek(tx: SignerTx, key: { id: string; subscriber: string }): Promise<string[]> {
  const { authorizations: a } = tx.t;
  const rows = await tx.db
    .select({ id: a.id })
    .from(a)
    .where(and(eq(a.subscriber, key.subscriber), eq(a.key, key.id), isNotNull(a.sealedDek)));
  return rows.map(({ id }) => id);
}
