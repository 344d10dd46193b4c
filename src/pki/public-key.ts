import { createPublicKey, type KeyObject } from 'node:crypto';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { keyTypes } from '../crypto/algorithms.ts';
import { tags } from './der.ts';
import { readDer } from './der-reader.ts';

/**
 * Reads a SubjectPublicKeyInfo.
 * @throws KysoError document — the DER is no public key
 */
export function importSpki(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new KysoError('document', 'not a public key', { cause });
  }
}

/**
 * The type of a public key in the names of the algorithm table: `RSA-<bits>`, `EC-P256`; a key that the table could
 * never name gets the name that its library has for it.
 */
export function keyTypeOf(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return `RSA-${modulusLength}`;
  if (key.asymmetricKeyType === 'ec') return nameOnCurve(namedCurve) ?? `EC-${namedCurve}`;
  return String(key.asymmetricKeyType);
}

function nameOnCurve(curve: string | undefined): string | undefined {
  return Object.values(keyTypes).find((type) => type.family === 'EC' && type.opensslCurve === curve)?.name;
}

/**
 * Why an RSA or EC subject key is not acceptable, or undefined: it must be in its one DER form (named curve, point not
 * compressed), and an RSA key have an odd modulus and an odd exponent above 2^16 (S77). That a point lies on its curve
 * is checked by the import.
 */
export function weaknessOf(spki: Uint8Array): string | undefined {
  const jwk = importSpki(spki).export({ format: 'jwk' });
  const canonical = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' });
  if (!canonical.equals(spki)) return 'its encoding is not the canonical one';
  if (jwk.kty !== 'RSA') return undefined;
  const [modulus, exponent] = [Buffer.from(jwk.n ?? '', 'base64url'), Buffer.from(jwk.e ?? '', 'base64url')];
  if ((modulus.at(-1) ?? 0) % 2 === 0) return 'its modulus is even';
  if (exponent.length < 3 || (exponent.at(-1) ?? 0) % 2 === 0) return 'its exponent is below 65537 or even';
  return undefined;
}

/** The key itself: the content of the BIT STRING in a SubjectPublicKeyInfo. */
export function keyBits(spki: Uint8Array): Buffer {
  const fields = readDer(spki, 'a public key');
  fields.element(tags.sequence);
  const bits = fields.bits();
  fields.end();
  return bits;
}

/** The key identifier that SKI and AKI carry: leftmost 160 bits of SHA-256 over the key bits (RFC 7093 §2 method 1). */
export function keyIdentifier(spki: Uint8Array): Buffer {
  return sha256(keyBits(spki)).subarray(0, 20);
}
