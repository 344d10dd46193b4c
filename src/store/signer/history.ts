import { and, desc, eq, inArray, lt } from '../drizzle.ts';
import type { SignerTx } from './tables.ts';

/** The newest log leaves about a subscriber, older than the leaf `before`. */
export function leavesAbout(tx: SignerTx, subscriber: string, before: string | undefined, most: number) {
  const { logLeaves: l } = tx.t;
  const older = before === undefined ? undefined : lt(l.id, before);
  return tx.db
    .select({ id: l.id, position: l.position, leaf: l.leaf })
    .from(l)
    .where(and(eq(l.subscriber, subscriber), older))
    .orderBy(desc(l.id))
    .limit(most);
}

/** How signings ended, by id. */
export async function outcomesOf(tx: SignerTx, signings: string[]): Promise<Map<string, string>> {
  if (signings.length === 0) return new Map();
  const { signings: s } = tx.t;
  const rows = await tx.db.select({ id: s.id, outcome: s.outcome }).from(s).where(inArray(s.id, signings));
  return new Map(rows.map(({ id, outcome }) => [id, outcome]));
}
