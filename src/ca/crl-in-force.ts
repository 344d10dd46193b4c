import { KysoError } from '../base/errors.ts';
import type { CrlShard } from '../store/ca/tables.ts';
import type { Authority } from './context.ts';

/** A CRL (DER) and what it says of itself; `crl` is absent when the caller has it already. */
export type CrlInForce = { number: number; thisUpdate: number; nextUpdate: number; crl?: Buffer };

/**
 * The CRL of a shard that is to be served now, undefined when there is none. Who has that of number `have` gets no bytes:
 * asking often costs one small row.
 */
export async function crlInForce(authority: Authority, id: string, have: number): Promise<CrlInForce | undefined> {
  const { rows, store } = authority;
  for (let before = 0; ; ) {
    const shard = await rows.crlShards.find(store.read, { id });
    if (!shard || shard.inForce === 0) return undefined;
    const { inForce: number, thisUpdate, nextUpdate } = shard;
    if (number === have) return { number, thisUpdate, nextUpdate };
    const kept = await rows.crls.find(store.read, { shard: id, number });
    if (kept) return { number, thisUpdate, nextUpdate, crl: kept.crl };
    // A newer one may have taken its place in this moment.
    if (number === before) throw new KysoError('integrity', `the CRL ${number} of shard ${id} is missing`);
    before = number;
  }
}

/** All shards, oldest first, without their CRLs. */
export async function listShards({ rows, store }: Authority): Promise<CrlShard[]> {
  const shards = await rows.crlShards.list(store.read, {});
  const number = ({ id }: CrlShard) => Number(id.slice(id.indexOf('/') + 1));
  return shards.sort((a, b) =>
    a.authority < b.authority ? -1 : a.authority > b.authority ? 1 : number(a) - number(b),
  );
}
