import { KysoError } from '../base/errors.ts';
import { type KeyType, keyTypes } from './algorithms.ts';
import { der, derOid } from './der.ts';
import { ecKey, opensslVerifier } from './openssl.ts';
import type { DigestMatcher } from './verify-rsa.ts';

type EcKeyType = Extract<KeyType, { family: 'EC' }>;

/**
 * ECDSA (FIPS 186-5 §6.4.2) over a precomputed digest. OpenSSL reads strict DER only, takes the leftmost bits of a longer
 * digest, and refuses points that are not on the curve.
 * @throws KysoError integrity — `spki` does not hold a key on this curve
 */
export function ecdsaMatcher({ name, bits }: EcKeyType, spki: Buffer): DigestMatcher {
  const header = headers[name];
  if (!spki.subarray(0, header.length).equals(header))
    throw new KysoError('integrity', `the public key is not ${name}`);
  const verifies = opensslVerifier(spki, { kind: ecKey, bits });
  return (_digestName, digest, signature) => verifies(digest, signature);
}

/** What a SubjectPublicKeyInfo of each type begins with (RFC 5480 §2): all but the coordinates of an uncompressed point. */
const headers: Record<EcKeyType['name'], Buffer> = {
  'EC-P256': headerOf(keyTypes['EC-P256']),
  'EC-P384': headerOf(keyTypes['EC-P384']),
  'EC-P521': headerOf(keyTypes['EC-P521']),
};

function headerOf({ curveOid, signatureBytes }: EcKeyType): Buffer {
  const algorithm = der(0x30, derOid('1.2.840.10045.2.1'), derOid(curveOid));
  const point = Buffer.alloc(1 + signatureBytes);
  const whole = der(0x30, algorithm, der(0x03, Buffer.of(0), point));
  return Buffer.concat([whole.subarray(0, whole.length - point.length), Buffer.of(0x04)]);
}
