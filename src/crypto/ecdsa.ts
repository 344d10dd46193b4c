import { KysoError } from '../base/errors.ts';

/**
 * ECDSA-Sig-Value (RFC 3279 §2.2.3) from `raw` = r ‖ s, two big-endian numbers of equal width, as PKCS#11 and JWS
 * write a signature.
 * @throws KysoError internal — `raw` is empty or of odd length
 */
export function ecdsaToDer(raw: Uint8Array): Buffer {
  if (raw.length === 0 || raw.length % 2 !== 0) throw new KysoError('internal', 'an ECDSA signature of odd length');
  const half = raw.length / 2;
  const body = Buffer.concat([derInteger(raw.subarray(0, half)), derInteger(raw.subarray(half))]);
  return Buffer.concat([derHeader(0x30, body.length), body]);
}

/**
 * r ‖ s, each `width` bytes, from a DER ECDSA-Sig-Value. Strict: shortest lengths, shortest positive integers, nothing
 * behind the end. Returns undefined for anything else; never throws.
 */
export function ecdsaFromDer(der: Uint8Array, width: number): Buffer | undefined {
  const body = derElement(der, 0, 0x30);
  if (!body || body.end !== der.length) return undefined;
  const r = derElement(der, body.start, 0x02);
  const s = r && derElement(der, r.end, 0x02);
  if (!s || s.end !== der.length) return undefined;
  const parts = [r, s].map(({ start, end }) => unsigned(der.subarray(start, end), width));
  return parts[0] && parts[1] && Buffer.concat([parts[0], parts[1]]);
}

function derHeader(tag: number, length: number): Buffer {
  return length < 0x80 ? Buffer.of(tag, length) : Buffer.of(tag, 0x81, length);
}

function derInteger(number: Uint8Array): Buffer {
  const firstDigit = number.findIndex((byte) => byte !== 0);
  const digits = firstDigit < 0 ? Buffer.of(0) : number.subarray(firstDigit);
  const sign = digits[0]! >= 0x80 ? [0] : [];
  return Buffer.concat([derHeader(0x02, sign.length + digits.length), Buffer.from(sign), digits]);
}

/** Where the content of the element at `offset` begins and ends, if it has this tag and a DER length below 256. */
function derElement(der: Uint8Array, offset: number, tag: number): { start: number; end: number } | undefined {
  if (der[offset] !== tag) return undefined;
  const long = der[offset + 1] === 0x81;
  const length = der[offset + (long ? 2 : 1)];
  if (length === undefined || long !== length >= 0x80) return undefined;
  const start = offset + (long ? 3 : 2);
  return start + length <= der.length ? { start, end: start + length } : undefined;
}

function unsigned(content: Uint8Array, width: number): Buffer | undefined {
  const [first, second] = content;
  const negative = first === undefined || first >= 0x80;
  const padded = first === 0 && second !== undefined && second < 0x80;
  const digits = first === 0 ? content.subarray(1) : content;
  if (negative || padded || digits.length > width) return undefined;
  return Buffer.concat([Buffer.alloc(width - digits.length), digits]);
}
