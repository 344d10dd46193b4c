import { checkPrimeSync, createPublicKey, generateKeyPairSync, generatePrimeSync } from 'node:crypto';
import t from 'tap';
import { isqrt, primesBelow, product } from '../../src/pki/arithmetic.ts';
import { weaknessOf } from '../../src/pki/weak-key.ts';
import { testKey } from '../helpers/authority.ts';
import { refused } from '../helpers/refused.ts';

/** The SPKI of an RSA key with this modulus. */
function rsa(modulus: bigint, exponent = 65_537n): Buffer {
  const base64url = (number: bigint) => {
    const hex = number.toString(16);
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
  };
  const key = createPublicKey({ key: { kty: 'RSA', n: base64url(modulus), e: base64url(exponent) }, format: 'jwk' });
  return key.export({ format: 'der', type: 'spki' });
}

const prime = (bits: number) => generatePrimeSync(bits, { bigint: true });
const [p, q] = [prime(1024), prime(1024)];

/** The first of a series that is prime. */
function firstPrime(from: bigint, step: bigint): bigint {
  let candidate = from;
  while (!checkPrimeSync(candidate, { checks: 20 })) candidate += step;
  return candidate;
}

/** A prime as Infineon's library drew those of 2048-bit keys: k·M + (65537^a mod M), M the product of 126 primes. */
function rocaPrime(): bigint {
  const M = product(primesBelow(702).map(BigInt));
  const top = 3n << 1022n;
  for (;;) {
    const a = prime(64);
    let power = 1n;
    for (const bit of a.toString(2)) power = (power * power * (bit === '1' ? 65_537n : 1n)) % M;
    const k = top / M + prime(32);
    const candidate = k * M + power;
    if (checkPrimeSync(candidate, { checks: 20 })) return candidate;
  }
}

t.test('S77: keys of every type that we make are accepted', async (t) => {
  for (const type of ['RSA-2048', 'RSA-3072', 'EC-P256', 'EC-P384', 'EC-P521'] as const) {
    t.equal(weaknessOf(testKey(type).spki), undefined, type);
  }
  t.equal(weaknessOf(rsa(p * q)), undefined, 'from two primes of our own');
});

t.test('S77: weak RSA keys are refused, and the sentence says why', async (t) => {
  const good = p * q;
  const largestSmall = 65_521n;
  t.ok(checkPrimeSync(largestSmall));
  const [rocaP, rocaQ] = [rocaPrime(), rocaPrime()];
  const apart = (distance: bigint) => p * firstPrime(p + distance, 2n);
  const cases: [string, Buffer, RegExp | undefined][] = [
    ['1024 bits', rsa(prime(512) * prime(512)), /size/],
    ['2047 bits', rsa(prime(1023) * prime(1024)), /size/],
    ['an even modulus', rsa(good - 1n), /even/],
    ['exponent 3', rsa(good, 3n), /exponent/],
    ['exponent 65535', rsa(good, 65_535n), /exponent/],
    ['exponent 65538', rsa(good, 65_538n), /exponent/],
    ['exponent 2^256+1', rsa(good, 2n ** 256n + 1n), /exponent/],
    ['exponent 2^256-1', rsa(good, 2n ** 256n - 1n), undefined],
    ['factor 3', rsa(3n * ((1n << 2046n) + p)), /small factor/],
    ['the largest of the small primes', rsa(largestSmall * prime(1016) * prime(1016)), /small factor/],
    ['ROCA', rsa(rocaP * rocaQ), /ROCA/],
    ['one prime of the ROCA kind is not enough to be told', rsa(rocaP * p), undefined],
    ['twin primes', rsa(apart(2n)), /close/],
    ['primes 2^500 apart', rsa(apart(1n << 500n)), /close/],
    ['primes 2^600 apart', rsa(apart(1n << 600n)), undefined],
    ['a square', rsa(p * p), /close/],
  ];
  for (const [what, spki, weakness] of cases) {
    const found = weaknessOf(spki);
    if (weakness) t.match(found, weakness, what);
    else t.equal(found, undefined, what);
  }
});

t.test('S77: a curve or a kind of key that is in no table is refused', async (t) => {
  const spkiOf = (curve: string) =>
    generateKeyPairSync('ec', { namedCurve: curve }).publicKey.export({ format: 'der', type: 'spki' });
  for (const curve of ['secp256k1', 'secp224r1', 'brainpoolP256r1']) t.match(weaknessOf(spkiOf(curve)), /curve/, curve);
  const { publicKey } = generateKeyPairSync('ed25519');
  t.match(weaknessOf(publicKey.export({ format: 'der', type: 'spki' })), /accepted/);
  t.throws(() => weaknessOf(Buffer.from('3000', 'hex')), refused('document'));
});

t.test('the arithmetic behind it', async (t) => {
  t.strictSame(primesBelow(30), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
  t.equal(primesBelow(65_536).length, 6542);
  t.equal(product([2n, 3n, 5n, 7n, 11n]), 2310n);
  t.equal(product([]), 1n);
  for (const root of [0n, 1n, 2n, 3n, 255n, 256n, 2n ** 64n - 1n, 3n ** 700n]) {
    t.equal(isqrt(root * root), root);
    if (root > 0n) t.equal(isqrt(root * root - 1n), root - 1n);
    t.equal(isqrt(root * root + 2n * root), root);
  }
});
