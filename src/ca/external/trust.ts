import { sha256 } from '../../base/bytes.ts';
import { KysoError } from '../../base/errors.ts';
import { certificateFields } from '../../pki/certificate-fields.ts';
import { isIssuedBy, isValidAt } from '../../pki/issued-by.ts';
import { readCertificate } from '../../pki/read.ts';
import { type Authority, record } from '../context.ts';
import { isAuthority } from './constraints.ts';

type Parts = Pick<Authority, 'rows' | 'store'>;

/** The most certificates between an end entity and its root. */
const longest = 4;

/**
 * Enrols the root of an outside authority. An operator answers for it: nothing vouches for a root.
 * @throws KysoError document — not a certificate; orderRefused — not one of an authority that is valid now
 */
export async function addTrustAnchor(authority: Authority, certificate: Buffer, by: string): Promise<void> {
  const now = authority.clock.now();
  const valid = isValidAt(certificateFields(certificate), new Date(now));
  if (!isAuthority(certificate) || !isIssuedBy(certificate, certificate) || !valid)
    throw new KysoError('orderRefused', 'this is not the self-signed certificate of an authority that is valid now');
  const fingerprint = sha256(certificate).toString('hex');
  await authority.store.write(async (tx) => {
    const row = { fingerprint, certificate, enrolledBy: by, createdAt: now };
    if (!(await authority.rows.trustAnchors.insertOnce(tx, row))) return;
    await record(authority, tx, { event: 'trustAnchor.added', result: 'done', detail: { fingerprint, by } });
  });
}

export async function listTrustAnchors({ rows, store }: Parts) {
  const anchors = await rows.trustAnchors.list(store.read, {});
  return anchors.map(({ fingerprint, certificate }) => {
    const { subjectDN, validTo } = readCertificate(certificate);
    return { fingerprint, subject: subjectDN, notAfter: validTo.getTime() };
  });
}

/**
 * The way from a certificate to an enrolled root, issuers only, root last: each signed by the next, all of them
 * authorities that are valid now and may have as many others below them (RFC 5280 §4.2.1.9).
 * @param offered certificates in any order, of which some may be on the way
 * @throws KysoError orderRefused — there is no such way
 */
export async function chainToAnchor({ rows, store }: Parts, certificate: Buffer, offered: Buffer[], at: Date) {
  const anchors = (await rows.trustAnchors.list(store.read, {})).map((anchor) => anchor.certificate);
  const usable = (list: Buffer[]) => list.filter((der) => isAuthority(der) && isValidAt(certificateFields(der), at));
  const [roots, others] = [usable(anchors), usable(offered)];
  const chain: Buffer[] = [];
  for (let current = certificate; chain.length < longest; ) {
    const isAbove = (candidate: Buffer) => isAuthority(candidate, chain.length) && isIssuedBy(current, candidate);
    const root = roots.find(isAbove);
    if (root) return [...chain, root];
    const next = others.find((candidate) => !chain.includes(candidate) && isAbove(candidate));
    if (!next) break;
    chain.push(next);
    current = next;
  }
  throw new KysoError(
    'orderRefused',
    'no enrolled root is above this certificate and may be: --chain names what stands between, kyso ca external trust add enrols a root',
  );
}
