import { asc, eq, lte } from '../drizzle.ts';
import type { SignerTx } from './tables.ts';

/** Subscribers whose new authenticator app counts from `now` or before, longest waiting first. */
export async function dueMoves(tx: SignerTx, now: number, most = 200): Promise<string[]> {
  const { totpMoves: m } = tx.t;
  const rows = await tx.db
    .select({ subscriber: m.subscriber })
    .from(m)
    .where(lte(m.effectiveAt, now))
    .orderBy(asc(m.effectiveAt))
    .limit(most);
  return rows.map(({ subscriber }) => subscriber);
}

/** Ends a move, with its attestation and its seed; the caller has locked its row. */
export async function deleteMove(tx: SignerTx, subscriber: string): Promise<void> {
  await tx.db.delete(tx.t.totpMoves).where(eq(tx.t.totpMoves.subscriber, subscriber));
}
