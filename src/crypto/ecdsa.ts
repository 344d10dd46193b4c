import { KysoError } from '../base/errors.ts';
import { der } from './der.ts';

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

function derInteger(number: Uint8Array): Buffer {
  const firstDigit = number.findIndex((byte) => byte !== 0);
  const digits = firstDigit < 0 ? Buffer.of(0) : number.subarray(firstDigit);
  return der(0x02, Buffer.from(digits[0]! >= 0x80 ? [0] : []), digits);
}
