import { createPublicKey, type KeyObject } from 'node:crypto';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { type KeyTypeName, keyTypes } from '../crypto/algorithms.ts';
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

/** Whether a name of `keyTypeOf` is in the algorithm table. */
export function isListedKeyType(name: string): name is KeyTypeName {
  return Object.hasOwn(keyTypes, name);
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
