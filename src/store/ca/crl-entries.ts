import { inArray } from '../drizzle.ts';
import type { CaTx } from './tables.ts';

/** Takes entries out of their CRL; the caller holds the row of their shard, which counts them. */
export async function deleteEntries(tx: CaTx, serialNumbers: readonly string[]): Promise<void> {
  const { crlEntries } = tx.t;
  await tx.db.delete(crlEntries).where(inArray(crlEntries.serialNumber, [...serialNumbers]));
}
