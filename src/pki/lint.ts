import { generateKeyPairSync, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import { assembleCertificate, type CertificateDraft, encodeTbs, issuerSpki } from './certificate.ts';
import { certificateFields } from './certificate-fields.ts';
import { rules } from './lint-rules.ts';
import { importSpki } from './public-key.ts';

declare const linted: unique symbol;

/**
 * A TBSCertificate that passed the lint. Only `lint()` makes one, and `signLinted()` takes nothing else: what was not
 * linted cannot reach a CA key. It is redeemed once.
 */
export type LintedTbs = { readonly [linted]: true; readonly tbs: Buffer };

/** What is signed is kept here, out of reach of whoever holds the LintedTbs. */
const made = new WeakMap<LintedTbs, { tbs: Buffer; issuerKey: KeyObject }>();

/** Whether a key (SPKI, DER) is refused for what a list says of it: Debian's weak keys, keys in other hands (S77). */
export type RefusedKeys = (spki: Uint8Array) => boolean | Promise<boolean>;

/**
 * Builds the certificate of a draft under a throw-away signature and judges it by every rule (S75).
 * @param isRefused asked about the subject's key
 * @throws KysoError lintRefused — names the first rule that does not hold
 * @throws KysoError nameRefused — the subject cannot stand in a certificate
 */
export async function lint(draft: CertificateDraft, isRefused: RefusedKeys = () => false): Promise<LintedTbs> {
  if (await isRefused(draft.publicKey)) {
    throw new KysoError('lintRefused', 'Not issued: the subject key is on a list of refused keys.');
  }
  const tbs = await encodeTbs(draft);
  const issuerKey = importSpki(issuerSpki(draft));
  const throwAway = throwAwayKey(issuerKey);
  const certificate = assembleCertificate(tbs, sign('sha256', tbs, throwAway));
  const broken = brokenRule(certificate, draft);
  if (broken) throw new KysoError('lintRefused', `Not issued: it does not hold that ${broken}.`);
  const result = { tbs: Buffer.from(tbs) } as LintedTbs;
  made.set(result, { tbs, issuerKey });
  return result;
}

/**
 * The first rule that a certificate (DER) breaks as one of this draft, in words; undefined when all hold. For candidates,
 * and for what was issued long ago.
 * @throws KysoError document — not an X.509 v3 certificate
 */
export function brokenRule(certificate: Uint8Array, draft: CertificateDraft): string | undefined {
  const fields = certificateFields(certificate);
  const parsed = new X509Certificate(certificate);
  const candidate = {
    draft,
    fields,
    parsed,
    issuer: draft.issuer ? certificateFields(draft.issuer) : fields,
    issuerParsed: draft.issuer ? new X509Certificate(draft.issuer) : parsed,
  };
  return rules.find((rule) => !rule.holds(candidate))?.text;
}

/**
 * Signs a linted TBS with the issuer's key and returns the certificate, DER.
 * `signTbs` answers ECDSA as DER and RSA as PKCS#1 v1.5 bytes, over SHA-256 of what it is given.
 * @throws KysoError lintRefused — not made by `lint`, or redeemed before
 * @throws KysoError integrity — the signature is not the issuer's, or the certificate is not the linted one
 */
export async function signLinted(
  candidate: LintedTbs,
  signTbs: (tbs: Uint8Array) => Promise<Uint8Array>,
): Promise<Buffer> {
  const kept = made.get(candidate);
  if (!kept) throw new KysoError('lintRefused', 'Not issued: it was not linted, or is already signed.');
  made.delete(candidate);
  const certificate = assembleCertificate(kept.tbs, await signTbs(Buffer.from(kept.tbs)));
  const { tbs, signature } = certificateFields(certificate);
  if (!tbs.equals(kept.tbs)) throw new KysoError('integrity', 'the signed certificate is not the linted one');
  if (!verify('sha256', tbs, kept.issuerKey, signature)) {
    throw new KysoError('integrity', 'the signature over a certificate is not that of its issuer');
  }
  return certificate;
}

const throwAwayKeys = new Map<string, KeyObject>();

/** A key of the issuer's family that signs nothing but lint candidates; made at first use, one for the process. */
function throwAwayKey(issuerKey: KeyObject): KeyObject {
  const family = issuerKey.asymmetricKeyType === 'ec' ? 'ec' : 'rsa';
  const known = throwAwayKeys.get(family);
  if (known) return known;
  const { privateKey } =
    family === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  throwAwayKeys.set(family, privateKey);
  return privateKey;
}
