import { asc, lte } from '../drizzle.ts';
import type { CaTx } from './tables.ts';

/** Serial numbers of outside authorities' certificates about which they are to be asked by now, the longest due first. */
export async function dueExternal(tx: CaTx, now: number, most: number): Promise<string[]> {
  const { externalCertificates: e } = tx.t;
  const rows = await tx.db
    .select({ serialNumber: e.serialNumber })
    .from(e)
    .where(lte(e.nextAt, now))
    .orderBy(asc(e.nextAt))
    .limit(most);
  return rows.map(({ serialNumber }) => serialNumber);
}
