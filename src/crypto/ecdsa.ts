import { KysoError } from '../base/errors.ts';
import { der, readElement, readUnsigned } from './der.ts';

/**
 * ECDSA-Sig-Value (RFC 3279 §2.2.3) from `raw` = r ‖ s, two big-endian numbers of equal width, as PKCS#11 and JWS
 * write a signature.
 * @throws KysoError internal — `raw` is empty or of odd length
 */
export function ecdsaToDer(raw: Uint8Array): Buffer {
  if (raw.length === 0 || raw.length % 2 !== 0) throw new KysoError('internal', 'an ECDSA signature of odd length');
  const half = raw.length / 2;
  return der(0x30, derInteger(raw.subarray(0, half)), derInteger(raw.subarray(half)));
}

/**
 * r ‖ s, each `width` bytes, from a DER ECDSA-Sig-Value. Strict: shortest lengths, shortest positive integers, nothing
 * behind the end. Returns undefined for anything else; never throws.
 */
export function ecdsaFromDer(signature: Uint8Array, width: number): Buffer | undefined {
  const body = readElement(signature, 0, 0x30);
  if (!body || body.end !== signature.length) return undefined;
  const r = readElement(signature, body.start, 0x02);
  const s = r && readElement(signature, r.end, 0x02);
  if (!s || s.end !== signature.length) return undefined;
  const parts = [r, s].map(({ start, end }) => readUnsigned(signature.subarray(start, end), width));
  return parts[0] && parts[1] && Buffer.concat([parts[0], parts[1]]);
}

function derInteger(number: Uint8Array): Buffer {
  const firstDigit = number.findIndex((byte) => byte !== 0);
  const digits = firstDigit < 0 ? Buffer.of(0) : number.subarray(firstDigit);
  return der(0x02, Buffer.from(digits[0]! >= 0x80 ? [0] : []), digits);
}
