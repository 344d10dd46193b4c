import { and, eq, gt, lt, lte, or, type SQL } from '../drizzle.ts';
import type { CaTx, CrlShard } from './tables.ts';

/**
 * The condition under which a shard's next CRL may be begun: nobody is at work on it, or whoever was has had `lease`
 * milliseconds. A lease that ends later than that was taken under a clock that was wrong.
 */
export function leaseIsFree({ t: { crlShards: s } }: CaTx, now: number, lease: number): SQL | undefined {
  return or(lte(s.leasedUntil, now), gt(s.leasedUntil, now + lease));
}

/**
 * Serial numbers of a shard's entries whose certificates had expired when the CRL in force, which has them, was made. A
 * CRL of the future, of a clock that was ahead, does not count: what has not expired by `now` stays.
 */
export async function expiredEntries(tx: CaTx, shard: CrlShard, now: number): Promise<string[]> {
  const { crlEntries: e } = tx.t;
  const entries = await tx.db
    .select({ serialNumber: e.serialNumber })
    .from(e)
    .where(
      and(eq(e.shard, shard.id), lt(e.notAfter, Math.min(shard.thisUpdate, now)), lte(e.revision, shard.published)),
    );
  return entries.map(({ serialNumber }) => serialNumber);
}
