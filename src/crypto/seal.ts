import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import { KysoError } from '../base/errors.ts';

const nonceLength = 12;
const tagLength = 16;

/** Node finds out that bytes are no KeyObject by an exception, which costs more than the cipher itself. */
const keyObject = (key: Uint8Array) => createSecretKey(key);

/** What a sealed value belongs to; it opens only beside exactly the same facts. */
export type AdditionalData = Record<string, string | number>;

/**
 * AES-256-GCM with a random nonce: nonce ‖ ciphertext ‖ tag. `key` is used for few values only (each is derived for
 * one record), so random nonces cannot collide.
 */
export function seal(key: Uint8Array, plaintext: Uint8Array, data: AdditionalData): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', keyObject(key), nonce).setAAD(additional(data));
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Opens what `seal` made.
 * @throws KysoError integrity — wrong key, other additional data, or a changed value; which of them cannot be told
 */
export function open(key: Uint8Array, sealed: Uint8Array, data: AdditionalData): Buffer {
  try {
    const nonce = sealed.subarray(0, nonceLength);
    const decipher = createDecipheriv('aes-256-gcm', keyObject(key), nonce, { authTagLength: tagLength });
    decipher.setAAD(additional(data)).setAuthTag(sealed.subarray(-tagLength));
    return Buffer.concat([decipher.update(sealed.subarray(nonceLength, -tagLength)), decipher.final()]);
  } catch (cause) {
    throw new KysoError('integrity', 'a sealed value does not open', { cause });
  }
}

/** HKDF-SHA256 to 32 bytes; `info` names the one purpose of the key. */
export function deriveKey(secret: Uint8Array, salt: Uint8Array, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', keyObject(secret), salt, info, 32));
}

/** Name and value pairs in name order, as JSON: no two different facts have one text. */
export function additional(data: AdditionalData): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1))));
}
