import { createHash, verify } from 'node:crypto';
import { type KeyTypeName, keyTypes, type SignScheme } from './algorithms.ts';
import { rsaMatcher } from './verify-rsa.ts';

/**
 * Whether `signature`, in its wire form, is one over `message` by the private half of `spki` (SubjectPublicKeyInfo,
 * DER). For those who hold the message, as integrators do: node:crypto alone, no native module.
 * @throws KysoError integrity — `spki` is not an RSA key of the size that `keyType` says
 */
export function verifiesMessage(
  keyType: KeyTypeName,
  spki: Buffer,
  { digest, pss }: SignScheme,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const type = keyTypes[keyType];
  if (type.family === 'RSA')
    return rsaMatcher(type, spki, pss)(digest, createHash(digest).update(message).digest(), signature);
  try {
    return verify(digest, message, { key: spki, format: 'der', type: 'spki' }, signature);
  } catch {
    return false;
  }
}
