import { hash } from 'node:crypto';
import { equalBytes } from '../base/bytes.ts';
import { type DigestName, digests } from './digests.ts';
import type { PssParameters } from './pss.ts';

/**
 * EMSA-PSS-VERIFY (RFC 8017 §9.1.2) of `encoded`, the encoded message of an RSA key whose modulus fills its bytes
 * (emBits = 8 · length − 1), over a precomputed digest. Every check is made, whatever the others say. Never throws.
 */
export function verifiesPss(
  encoded: Uint8Array,
  digestName: DigestName,
  digest: Uint8Array,
  { mgfDigest, saltLength }: PssParameters,
): boolean {
  const hashAt = encoded.length - digests[digestName].length - 1;
  const paddingLength = hashAt - saltLength;
  if (paddingLength < 1) return false;
  const masked = encoded.subarray(0, hashAt);
  const found = encoded.subarray(hashAt, -1);
  const mask = mgf1(mgfDigest, found, hashAt);
  const data = Buffer.from(masked.map((byte, index) => byte ^ mask[index]!));
  data[0]! &= 0x7f;
  const padding = Buffer.alloc(paddingLength);
  padding[paddingLength - 1] = 1;
  const expected = hash(digestName, Buffer.concat([Buffer.alloc(8), digest, data.subarray(paddingLength)]), 'buffer');
  const checks = [
    encoded.at(-1) === 0xbc,
    masked[0]! < 0x80,
    equalBytes(data.subarray(0, paddingLength), padding),
    equalBytes(found, expected),
  ];
  return checks.every(Boolean);
}

/** MGF1 (RFC 8017 B.2.1): `length` bytes of mask. */
function mgf1(digest: DigestName, seed: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = [];
  const input = Buffer.concat([seed, Buffer.alloc(4)]);
  for (let made = 0; made < length; made += digests[digest].length) {
    input.writeUInt32BE(blocks.length, seed.length);
    blocks.push(hash(digest, input, 'buffer'));
  }
  return Buffer.concat(blocks);
}
