import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import pkcs11, { type Attribute } from 'pkcs11js';
import { KysoError } from '../base/errors.ts';
import { type KeyTypeName, keyTypes } from '../crypto/algorithms.ts';

/** A new RSA key as PKCS#1 RSAPrivateKey (RFC 8017 appendix A.1.2), DER. OpenSSL's generator alone draws it. */
export async function newRsaSecret(kind: KeyTypeName): Promise<Buffer> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: keyTypes[kind].bits });
  return privateKey.export({ format: 'der', type: 'pkcs1' });
}

const members = [
  pkcs11.CKA_MODULUS,
  pkcs11.CKA_PUBLIC_EXPONENT,
  pkcs11.CKA_PRIVATE_EXPONENT,
  pkcs11.CKA_PRIME_1,
  pkcs11.CKA_PRIME_2,
  pkcs11.CKA_EXPONENT_1,
  pkcs11.CKA_EXPONENT_2,
  pkcs11.CKA_COEFFICIENT,
] as const;

/**
 * The numbers of an RSAPrivateKey as PKCS#11 wants them: without sign bytes, modulus and public exponent first. They are
 * views into `secret`, so wiping that wipes them.
 * @throws KysoError integrity — it is no such key, or not of this size
 */
export function rsaAttributes(secret: Buffer, kind: KeyTypeName): Attribute[] {
  const integers: Buffer[] = [];
  let at = element(secret, 0).start;
  while (at < secret.length) {
    const { start, end } = element(secret, at);
    integers.push(secret.subarray(secret[start] === 0 && end - start > 1 ? start + 1 : start, end));
    at = end;
  }
  const [version, ...numbers] = integers;
  if (numbers.length !== members.length || version?.[0] !== 0 || numbers[0]?.length !== keyTypes[kind].bits / 8)
    throw new KysoError('integrity', 'not the secret of such an RSA key');
  return members.map((type, index) => ({ type, value: numbers[index]! }));
}

/** Where the content of a DER element lies. Lengths up to 64 KiB; it must end within the bytes. */
function element(bytes: Buffer, offset: number): { start: number; end: number } {
  const first = bytes[offset + 1] ?? 0;
  const size = first < 0x80 ? 0 : first - 0x80;
  const start = offset + 2 + size;
  const length =
    size === 0 ? first : size <= 2 && start <= bytes.length ? bytes.readUIntBE(offset + 2, size) : Infinity;
  if (start + length > bytes.length) throw new KysoError('integrity', 'the secret of an RSA key is cut off');
  return { start, end: start + length };
}
