import { KysoError } from '../base/errors.ts';
import type { PkiUrls } from '../base/pki-urls.ts';
import type { CaTx, CrlShard } from '../store/ca/tables.ts';
import type { Authority } from './context.ts';

/** How many certificates share a CRL, so that one more revocation never costs more than 5,000 entries. */
export const shardSize = 5_000;

type Parts = Pick<Authority, 'rows' | 'urls'>;

/** The shard of this number of an authority: the end of its CRL's address. */
export const shardId = (authority: string, number: number) => `${authority}/${number}`;

/**
 * Gives a certificate that `authority` (its id) is about to issue its place: the shard whose CRL the certificate names,
 * for as long as it lives. Its address is `urls.crl` of the answer. Holds the shard's row until the transaction ends; who
 * also locks a credential or a certificate does so before.
 */
export async function assignShard({ rows, urls }: Parts, tx: CaTx, authority: string): Promise<string> {
  // Whoever finds the open shard full opens the next; whoever loses that race finds the one that was opened.
  for (let tries = 0; tries < 5; tries += 1) {
    const open = await rows.crlShards.lock(tx, { authority, state: 'open' });
    // A CRL speaks for those certificates only that name its address byte by byte: another one needs another shard. A
    // root's speaks for all that the root issued, so there is one.
    const named = open && (open.url === urls.crl(open.id) || authority.startsWith('root-'));
    if (open && named && open.assigned < shardSize) {
      await rows.crlShards.replace(tx, open, { assigned: open.assigned + 1 });
      return open.id;
    }
    if (open) await rows.crlShards.replace(tx, open, { state: 'full' });
    const number = open ? numberOf(open) + 1 : 1;
    const opened = await rows.crlShards.insertOnce(tx, newShard(authority, shardId(authority, number), urls));
    if (opened) return opened.id;
  }
  throw new KysoError('busy', `no CRL shard of ${authority} could be assigned: others opened shards all the time`);
}

const numberOf = ({ id, authority }: CrlShard) => Number(id.slice(authority.length + 1));

/** With its first certificate, and without a CRL. */
function newShard(authority: string, id: string, urls: PkiUrls): Omit<CrlShard, 'version' | 'mac'> {
  return {
    ...{ id, authority, url: urls.crl(id), state: 'open', assigned: 1, entries: 0 },
    ...{ revision: 0, published: 0, crlNumber: 0, inForce: 0, leasedUntil: 0, thisUpdate: 0, nextUpdate: 0 },
  };
}
