import { createPublicKey } from 'node:crypto';
import { isqrt, primesBelow, product } from './arithmetic.ts';
import { importSpki, isListedKeyType, keyTypeOf } from './public-key.ts';

/**
 * Why an RSA or EC subject key is not acceptable, or undefined (S77): it must be of a size or on a curve of the algorithm
 * table, in its one DER form (named curve, point not compressed), and show none of the faults by which others can find
 * its private half. That a point lies on its curve is checked by the import. What only a list can tell (keys of Debian's
 * fault, another subscriber's key) is for the caller: see `lint`.
 * @param spki SubjectPublicKeyInfo, DER
 * @throws KysoError document — not a public key
 */
export function weaknessOf(spki: Uint8Array): string | undefined {
  const key = importSpki(spki);
  if (!isListedKeyType(keyTypeOf(key))) return 'it is of a size or on a curve that is not accepted';
  const jwk = key.export({ format: 'jwk' });
  const canonical = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' });
  if (!canonical.equals(spki)) return 'its encoding is not the canonical one';
  return jwk.kty === 'RSA' ? rsaWeakness(numberOf(jwk.n), numberOf(jwk.e)) : undefined;
}

function numberOf(base64url: string | undefined): bigint {
  return BigInt(`0x0${Buffer.from(base64url ?? '', 'base64url').toString('hex')}`);
}

function rsaWeakness(modulus: bigint, exponent: bigint): string | undefined {
  if (modulus % 2n === 0n) return 'its modulus is even';
  // FIPS 186-5 appendix A.1.1.
  if (exponent < 65537n || exponent % 2n === 0n || exponent >= 1n << 256n) {
    return 'its exponent is below 65537, even, or above 2^256';
  }
  if (hasSmallFactor(modulus)) return 'its modulus has a small factor';
  if (isRoca(modulus)) return 'its modulus is of the ROCA kind (CVE-2017-15361)';
  if (hasClosePrimes(modulus)) return 'its primes are too close to each other';
  return undefined;
}

let smallPrimes: bigint | undefined;

/** Whether a prime below 2^16 divides it: a prime in common with the product of them all. */
function hasSmallFactor(modulus: bigint): boolean {
  smallPrimes ??= product(primesBelow(65_536).map(BigInt));
  let [a, b] = [modulus, smallPrimes % modulus];
  while (b !== 0n) [a, b] = [b, a % b];
  return a !== 1n;
}

/**
 * Infineon's library drew primes of the form k·M + (65537^a mod M), with M the product of the first primes. Such a
 * modulus is a power of 65537 modulo every one of them, as one of 240 million others is by chance.
 */
const rocaResidues = primesBelow(168)
  .slice(1)
  .map((prime) => {
    const powers = new Set<number>();
    for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power);
    return { prime: BigInt(prime), powers };
  });

function isRoca(modulus: bigint): boolean {
  return rocaResidues.every(({ prime, powers }) => powers.has(Number(modulus % prime)));
}

/** How many steps of Fermat's factoring are tried (CVE-2022-26320): of honest keys no share that matters falls to them. */
const fermatSteps = 100;

function hasClosePrimes(modulus: bigint): boolean {
  const root = isqrt(modulus);
  const first = root * root === modulus ? root : root + 1n;
  return Array.from({ length: fermatSteps }, (_, step) => first + BigInt(step)).some((a) => isSquare(a * a - modulus));
}

/** What squares end with in base 256: five numbers of six need no root. */
const squareEnds = new Set(Array.from({ length: 256 }, (_, root) => (root * root) % 256));

function isSquare(number: bigint): boolean {
  return squareEnds.has(Number(number & 255n)) && isqrt(number) ** 2n === number;
}
