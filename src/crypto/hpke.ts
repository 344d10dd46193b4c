import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { KysoError } from '../base/errors.ts';
import { type AdditionalData, additional } from './seal.ts';

/*
 * Sealing to a public key is RFC 9180 (HPKE) in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 * A sealed value is enc (32 bytes) ‖ ciphertext.
 */
const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const encLength = 32;

export type BoxKeyPair = { publicKey: Buffer; privateKey: Buffer };

/** A new X25519 pair, both halves as 32 raw bytes. */
export async function newBoxKeyPair(): Promise<BoxKeyPair> {
  const pair = await suite.kem.generateKeyPair();
  const [publicKey, privateKey] = await Promise.all([
    suite.kem.serializePublicKey(pair.publicKey),
    suite.kem.serializePrivateKey(pair.privateKey),
  ]);
  return { publicKey: Buffer.from(publicKey), privateKey: Buffer.from(privateKey) };
}

/** Seals `plaintext` so that only the holder of the private half can open it, and only beside the same facts. */
export async function sealTo(publicKey: Uint8Array, plaintext: Uint8Array, data: AdditionalData): Promise<Buffer> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(exact(publicKey));
  const { enc, ct } = await suite.seal({ recipientPublicKey }, exact(plaintext), exact(additional(data)));
  return Buffer.concat([Buffer.from(enc), Buffer.from(ct)]);
}

/** Opens what `sealTo` made. @throws KysoError integrity — another key, other facts, or a changed value */
export async function openFrom(privateKey: Uint8Array, sealed: Uint8Array, data: AdditionalData): Promise<Buffer> {
  try {
    const recipientKey = await suite.kem.deserializePrivateKey(exact(privateKey));
    const enc = exact(sealed.subarray(0, encLength));
    return Buffer.from(
      await suite.open({ recipientKey, enc }, exact(sealed.subarray(encLength)), exact(additional(data))),
    );
  } catch (cause) {
    throw new KysoError('integrity', 'a sealed value does not open', { cause });
  }
}

/** The library takes ArrayBuffers; a Buffer is often a view into a larger one, so its bytes are copied out. */
function exact(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
