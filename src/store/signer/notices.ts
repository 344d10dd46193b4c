import { asc, inArray } from '../drizzle.ts';
import type { Notice, SignerTx } from './tables.ts';

export async function insertNotice(tx: SignerTx, notice: Notice): Promise<void> {
  await tx.db.insert(tx.t.notices).values(notice);
}

/** The notices that notify does not have yet, oldest first. */
export function oldestNotices(tx: SignerTx, most: number): Promise<Notice[]> {
  const { notices: n } = tx.t;
  return tx.db.select().from(n).orderBy(asc(n.createdAt), asc(n.id)).limit(most);
}

export async function deleteNotices(tx: SignerTx, ids: string[]): Promise<void> {
  await tx.db.delete(tx.t.notices).where(inArray(tx.t.notices.id, ids));
}
