import { and, eq, exists, isNull, lte, not, sql } from '../drizzle.ts';
import type { SignerTx } from './tables.ts';

const count = sql<number>`count(*)`;

/** How many keys are wrapped by this KEK, without those that have ended. */
export async function keysUnder(tx: SignerTx, kek: string): Promise<number> {
  const { keys: k } = tx.t;
  const [row] = await tx.db
    .select({ count })
    .from(k)
    .where(and(eq(k.kek, kek), isNull(k.endedAt)));
  return Number(row?.count ?? 0);
}

/** How many vaults are sealed under this pepper, without those whose activation data nobody can use any more. */
export async function vaultsUnder(tx: SignerTx, pepper: string, now: number): Promise<number> {
  const { vaults: v, factors: f } = tx.t;
  const late = tx.db
    .select({ one: sql`1` })
    .from(f)
    .where(and(eq(f.subscriber, v.subscriber), lte(f.activationExpiresAt, now)));
  const dead = and(eq(v.openedBy, 'activation'), exists(late));
  const [row] = await tx.db
    .select({ count })
    .from(v)
    .where(and(eq(v.pepper, pepper), not(dead!)));
  return Number(row?.count ?? 0);
}
