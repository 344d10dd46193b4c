import { randomBytes } from 'node:crypto';
import { wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';

/*
 * Adi Shamir, "How to Share a Secret" (1979), byte by byte over GF(2^8) with AES's polynomial x^8+x^4+x^3+x+1 (FIPS 197
 * §4.2): share x is the value at x of a random polynomial whose value at 0 is the secret. Fewer shares than its degree
 * plus one say nothing about it. No table and no branch depends on a secret.
 */

/** The value at `index` (1 to 255) of each byte's polynomial. */
export type Point = { index: number; value: Buffer };

/**
 * Splits `secret` so that any `threshold` of the `count` points give it back, and fewer tell nothing.
 * @param coefficients for known answers only: (threshold − 1) × length bytes, the lowest power first
 */
export function split(secret: Uint8Array, count: number, threshold: number, coefficients?: Uint8Array): Point[] {
  if (!(threshold >= 1 && threshold <= count && count <= 255))
    throw new KysoError('configuration', `a secret cannot be split into ${count} shares of which ${threshold} open it`);
  const drawn = coefficients ?? randomBytes((threshold - 1) * secret.length);
  const points = Array.from({ length: count }, (_, at) => {
    const index = at + 1;
    const value = Buffer.alloc(secret.length);
    // Horner: from the highest power down to the secret itself.
    for (let power = threshold - 1; power >= 0; power -= 1) {
      const row = power === 0 ? secret : drawn.subarray((power - 1) * secret.length, power * secret.length);
      for (let byte = 0; byte < value.length; byte += 1) value[byte] = multiply(value[byte]!, index) ^ row[byte]!;
    }
    return { index, value };
  });
  wipe(drawn);
  return points;
}

/** What the polynomials through these points say at 0: the secret, when there are enough of one split, or noise. */
export function combine(points: Point[]): Buffer {
  const secret = Buffer.alloc(points[0]?.value.length ?? 0);
  for (const { index, value } of points) {
    let weight = 1;
    for (const { index: other } of points) {
      if (other !== index) weight = multiply(weight, multiply(other, inverse(other ^ index)));
    }
    for (let byte = 0; byte < secret.length; byte += 1) secret[byte]! ^= multiply(value[byte]!, weight);
  }
  return secret;
}

/** The product in GF(2^8). */
export function multiply(a: number, b: number): number {
  let product = 0;
  let power = a;
  for (let bit = 0; bit < 8; bit += 1) {
    product ^= power & -((b >> bit) & 1);
    power = ((power << 1) ^ (0x11b & -(power >> 7))) & 0x1ff;
  }
  return product & 0xff;
}

/** a^254, which is 1/a for every a but 0. */
function inverse(a: number): number {
  let result = 1;
  for (let power = 0; power < 254; power += 1) result = multiply(result, a);
  return result;
}
