import type { Clock } from '../../base/clock.ts';
import { kindOf } from '../../base/errors.ts';
import type { CaContract } from '../../ipc/ca-contract.ts';
import type { Peer } from '../../ipc/contract.ts';

/** A CRL as ca published it, DER. Instants are epoch milliseconds. */
export type CachedCrl = { number: number; thisUpdate: number; nextUpdate: number; crl: Buffer };

/**
 * The CRL of a shard (its id), undefined when there is none.
 * @throws KysoError unavailable — ca is away, and nothing is here
 */
export type CrlCache = (shard: string) => Promise<CachedCrl | undefined>;

/** How old what ca said may be, in milliseconds: a new CRL is here within a second of its publication. */
const fresh = 500;
/** A full shard has about 250 kB. */
const mostBytes = 64 * 1024 * 1024;

/**
 * The CRLs that are asked for, as ca has them now: who asks again costs ca one look at a number. While ca is away the
 * last one is served for as long as it lasts. Those asked for last are kept, up to 64 MiB.
 */
export function crlCache({ ca, clock }: { ca: Peer<CaContract>; clock: Clock }, most = mostBytes): CrlCache {
  type Kept = { crl: CachedCrl; askedAt: number };
  const kept = new Map<string, Kept>();
  const asking = new Map<string, Promise<CachedCrl | undefined>>();
  let bytes = 0;

  function keep(shard: string, crl: CachedCrl): void {
    forget(shard);
    kept.set(shard, { crl, askedAt: clock.monotonic() });
    bytes += crl.crl.length;
    for (const oldest of kept.keys()) {
      if (bytes <= most) break;
      forget(oldest);
    }
  }

  function forget(shard: string): void {
    bytes -= kept.get(shard)?.crl.crl.length ?? 0;
    kept.delete(shard);
  }

  async function ask(shard: string): Promise<CachedCrl | undefined> {
    const known = kept.get(shard)?.crl;
    try {
      const { number, crl, thisUpdate, nextUpdate } = await ca.call('crl.get', { shard, have: known?.number ?? 0 });
      if (number === 0 || thisUpdate === undefined || nextUpdate === undefined) {
        forget(shard);
        return undefined;
      }
      const found = crl === undefined ? known : { number, thisUpdate, nextUpdate, crl: Buffer.from(crl, 'base64') };
      if (found) keep(shard, found);
      return found;
    } catch (error) {
      if (kindOf(error) === 'unavailable' && known && known.nextUpdate > clock.now()) return known;
      throw error;
    }
  }

  return (shard) => {
    const found = kept.get(shard);
    if (found && clock.monotonic() - found.askedAt < fresh) return Promise.resolve(found.crl);
    const under = asking.get(shard) ?? ask(shard).finally(() => asking.delete(shard));
    asking.set(shard, under);
    return under;
  };
}
