import { sql } from '../drizzle.ts';
import type { CaTx } from './tables.ts';

/**
 * A number that another one takes the place of in each transaction that changes a certificate's status: every such change
 * raises the revision of the certificate's CRL shard.
 */
export async function statusRevision({ db, t }: CaTx): Promise<number> {
  const total = sql<number | string>`coalesce(sum(${t.crlShards.revision}), 0)`;
  const [row] = await db.select({ total }).from(t.crlShards);
  return Number(row?.total ?? 0);
}
