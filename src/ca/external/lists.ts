import { setImmediate as otherWork } from 'node:timers/promises';
import { sha256 } from '../../base/bytes.ts';
import { KysoError } from '../../base/errors.ts';
import { certificateFields } from '../../pki/certificate-fields.ts';
import { type CrlEntry, crlEntries, openCrl } from '../../pki/crl-reader.ts';
import { isSignedBy } from '../../pki/signed.ts';
import type { Fetch } from './fetch.ts';

/** A verified CRL, of which only the entries that somebody waits for are kept. */
export type RevocationList = { thisUpdate: Date; nextUpdate: Date; entries: Map<string, CrlEntry> };
/** The list under an address, signed by this issuer (DER). @throws KysoError document — it does not hold; unavailable */
export type Lists = (url: string, issuer: Buffer) => Promise<RevocationList>;

/** The most bytes of a list, and how many of its entries are read before other work has its turn. */
const longest = 20_000_000;
export const atOnce = 2000;

/**
 * The lists of one round: each is fetched, verified and read once, whoever asks, and what else this process has to do goes
 * on meanwhile.
 * @param wanted serial numbers about which the round is
 */
export function listsOf(fetch: Fetch, wanted: ReadonlySet<string>): Lists {
  const read = new Map<string, Promise<RevocationList>>();
  return (url, issuer) => {
    const key = `${sha256(issuer).toString('hex')} ${url}`;
    const known = read.get(key) ?? readList(fetch, url, issuer, wanted);
    read.set(key, known);
    return known;
  };
}

async function readList(fetch: Fetch, url: string, issuer: Buffer, wanted: ReadonlySet<string>) {
  const crl = openCrl(await fetch(url, { most: longest }));
  const { subject, spki } = certificateFields(issuer);
  if (!crl.issuer.equals(subject) || !isSignedBy(crl, spki)) throw refuse('is a CRL of somebody else');
  if (crl.distributionPoint !== undefined && crl.distributionPoint !== url) throw refuse('is another shard’s CRL');
  const entries = new Map<string, CrlEntry>();
  let count = 0;
  for (const entry of crlEntries(crl)) {
    if (wanted.has(entry.serialNumber)) entries.set(entry.serialNumber, entry);
    count += 1;
    if (count % atOnce === 0) await otherWork();
  }
  return { thisUpdate: crl.thisUpdate, nextUpdate: crl.nextUpdate, entries };
}

export const refuse = (why: string) => new KysoError('document', `the outside authority's answer ${why}`);
