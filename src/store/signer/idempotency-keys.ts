import { asc, inArray, lt } from '../drizzle.ts';
import type { SignerTx } from './tables.ts';

/** Idempotency keys whose time ended before `instant`, oldest first. */
export async function expiredKeys(tx: SignerTx, instant: number, most = 2000): Promise<string[]> {
  const { idempotencyKeys: k } = tx.t;
  const expired = lt(k.expiresAt, instant);
  const rows = await tx.db.select({ id: k.id }).from(k).where(expired).orderBy(asc(k.expiresAt)).limit(most);
  return rows.map(({ id }) => id);
}

export async function deleteKeys(tx: SignerTx, ids: string[]): Promise<void> {
  await tx.db.delete(tx.t.idempotencyKeys).where(inArray(tx.t.idempotencyKeys.id, ids));
}
