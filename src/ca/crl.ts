import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { assembleSigned, crlTbs } from '../pki/crl.ts';
import { deleteEntries } from '../store/ca/crl-entries.ts';
import { expiredEntries, leaseIsFree } from '../store/ca/crl-shards.ts';
import type { CaTx, CrlShard } from '../store/ca/tables.ts';
import type { CaAuthority } from './authorities.ts';
import { type Authority, record } from './context.ts';
import { lockShard } from './crl-entries.ts';

/** How long a CRL is good, in milliseconds. The next one comes when half of it is over, or with the next revocation. */
export const crlValidity = { root: 7 * 86_400_000, issuing: 86_400_000 } as const;

/** How long another process leaves a shard alone whose CRL this one is making. A CRL takes well under a second. */
const lease = 10_000;

/**
 * Whether a shard needs a CRL: one that was never there, knows not all revocations, or is half over. One of the future
 * was made under a clock that was ahead: nobody takes it.
 */
export function isDue(shard: CrlShard, now: number): boolean {
  return needsWord(shard) || now < shard.thisUpdate || now >= (shard.thisUpdate + shard.nextUpdate) / 2;
}

/** Whether something happened that the CRL in force does not say. */
export const needsWord = ({ published, revision, inForce }: CrlShard) => inForce === 0 || published < revision;

/**
 * Makes the next CRL of a shard, if it needs one and nobody else is making it; the one before is served until then. Its
 * number is durable before the key is used, and never goes back: it is the clock's milliseconds, or one more than the
 * number before where the clock is behind, so that a store that was set back to a backup goes on above what it had given.
 * @returns whether it was made
 * @throws KysoError integrity — an entry is missing or was changed: the old CRL stays
 */
export async function publishShard(authority: Authority, id: string): Promise<boolean> {
  const taken = await authority.store.write((tx) => takeNumber(authority, tx, id));
  if (!taken) return false;
  await failpoint('crl.numbered');
  const issuer = issuerOf(authority, taken);
  const { entries, count, revision } = await readEntries(authority, id);
  const thisUpdate = authority.clock.now();
  const nextUpdate = thisUpdate + crlValidity[issuer.role === 'root' ? 'root' : 'issuing'];
  const tbs = crlTbs({
    issuerCertificate: issuer.certificate,
    number: taken.crlNumber,
    thisUpdate: new Date(thisUpdate),
    nextUpdate: new Date(nextUpdate),
    entries,
    distributionPoint: taken.url,
  });
  const crl = assembleSigned(tbs, await issuer.key.sign(tbs));
  await failpoint('crl.signed');
  return authority.store.write(async (tx) => {
    const { rows } = authority;
    const shard = await rows.crlShards.lock(tx, { id, crlNumber: taken.crlNumber });
    // Somebody thought that we had died, and went on with a number of its own.
    if (!shard) return false;
    const { crlNumber: number } = shard;
    const before = await rows.crls.lock(tx, { shard: id });
    if (before) await rows.crls.replace(tx, before, { number, crl });
    else await rows.crls.insert(tx, { shard: id, number, crl });
    const inForce = { inForce: number, published: revision, thisUpdate, nextUpdate };
    await rows.crlShards.replace(tx, shard, { ...inForce, leasedUntil: 0 });
    const detail = { shard: id, number, entries: count, crl: sha256(crl).toString('hex') };
    await record(authority, tx, { event: 'crl.published', result: 'done', detail });
    return true;
  });
}

/** The shard with the number of its next CRL and a lease; undefined when it needs none, or another process has it. */
async function takeNumber({ rows, clock }: Authority, tx: CaTx, id: string): Promise<CrlShard | undefined> {
  const now = clock.now();
  const shard = await rows.crlShards.lock(tx, { id }, leaseIsFree(tx, now, lease));
  if (!shard || !isDue(shard, now)) return undefined;
  return rows.crlShards.replace(tx, shard, {
    crlNumber: Math.max(shard.crlNumber + 1, now),
    leasedUntil: now + lease,
    // Not when a revocation waits: this can take longer.
    ...(needsWord(shard) ? {} : { entries: shard.entries - (await dropExpired({ rows }, tx, shard, now)) }),
  });
}

/**
 * Entries of certificates that expired leave once a CRL of after that had them (RFC 5280 §3.3). Each is read under its
 * MAC first: nobody else decides that it has expired.
 */
async function dropExpired({ rows }: Pick<Authority, 'rows'>, tx: CaTx, shard: CrlShard, now: number): Promise<number> {
  const expired = await expiredEntries(tx, shard, now);
  for (const serialNumber of expired) await rows.crlEntries.find(tx, { serialNumber });
  if (expired.length > 0) await deleteEntries(tx, expired);
  return expired.length;
}

/** The entries, joined, of one moment: the shard's revision did not change while they were read. */
async function readEntries(authority: Authority, id: string) {
  const { rows, store } = authority;
  const read = async (tx: CaTx, shard: CrlShard | undefined) => ({
    shard,
    entries: await rows.crlEntries.list(tx, { shard: id }),
  });
  for (let tries = 0; tries < 3; tries += 1) {
    const found = await read(store.read, await rows.crlShards.find(store.read, { id }));
    const after = await rows.crlShards.find(store.read, { id });
    if (after && found.shard?.revision === after.revision && found.shard.entries === after.entries)
      return joined(found.entries, after);
  }
  // Revocations come faster than the entries are read: they wait for once.
  return store.write(async (tx) => {
    const shard = await lockShard(authority, tx, id);
    return joined((await read(tx, shard)).entries, shard);
  });
}

function joined(entries: { entry: Buffer }[], { id, entries: count, revision }: CrlShard) {
  if (entries.length !== count) {
    throw new KysoError(
      'integrity',
      `CRL shard ${id} has ${entries.length} entries instead of ${count}: somebody else changed them; restore ca's store`,
    );
  }
  return { entries: Buffer.concat(entries.map(({ entry }) => entry)), count, revision };
}

function issuerOf({ pki }: Authority, { id, authority }: CrlShard): CaAuthority {
  const issuer = pki.byId(authority);
  if (!issuer) throw new KysoError('integrity', `CRL shard ${id} is of an authority that is not there`);
  return issuer;
}
