import { randomBytes, randomInt } from 'node:crypto';
import t from 'tap';
import { combine, multiply, split } from '../../src/crypto/shamir.ts';
import { checksumOf, formatShare, joinShares, readShare, splitSecret } from '../../src/crypto/shares.ts';
import { refused } from '../helpers/refused.ts';

t.test('GF(2^8): the products of FIPS 197 §4.2, and the laws of a field', async (t) => {
  const known = [
    [0x57, 0x83, 0xc1],
    [0x57, 0x13, 0xfe],
    [0x57, 0x02, 0xae],
    [0x57, 0x04, 0x47],
    [0x57, 0x08, 0x8e],
    [0x57, 0x10, 0x07],
  ] as const;
  for (const [a, b, product] of known) t.equal(multiply(a, b), product);
  for (let a = 1; a < 256; a += 1) {
    const products = new Set(Array.from({ length: 256 }, (_, b) => multiply(a, b)));
    if (products.size !== 256 || multiply(a, 1) !== a) t.fail(`${a} has no inverse`);
  }
});

t.test('known shares: draft-mcgrew-tss-03 §9', async (t) => {
  const [one, two] = [Buffer.from('b9fa07e185', 'hex'), Buffer.from('f5409b4511', 'hex')];
  const secret = Buffer.from('7465737400', 'hex');
  t.same(
    combine([
      { index: 1, value: one },
      { index: 2, value: two },
    ]),
    secret,
  );
  // The line through the secret and the first share has their difference as its slope.
  const slope = Buffer.from(secret.map((byte, at) => byte ^ one[at]!));
  t.same(
    split(secret, 2, 2, slope).map(({ value }) => value),
    [one, two],
  );
});

t.test('any m of n give the secret back, whatever the order; fewer fit any secret', async (t) => {
  for (const [count, threshold] of [
    [1, 1],
    [2, 2],
    [3, 2],
    [5, 3],
    [7, 7],
    [255, 128],
  ] as const) {
    const secret = randomBytes(32);
    const points = split(secret, count, threshold);
    for (let round = 0; round < 5; round += 1) {
      const some = [...points].sort(() => randomInt(3) - 1).slice(0, threshold);
      t.same(combine(some), secret, `${threshold} of ${count}`);
    }
    if (threshold === 1) continue;
    const few = points.slice(0, threshold - 1);
    t.notSame(combine(few), secret);
    // For every other secret there is a last share that fits: these say nothing.
    const other = randomBytes(32);
    const fitting = lastPoint(few, other, 255);
    t.same(combine([...few, { index: 255, value: fitting }]), other);
  }
});

/** The value at `index` of the polynomial through `points` that says `secret` at 0. */
function lastPoint(points: { index: number; value: Buffer }[], secret: Buffer, index: number): Buffer {
  const with0 = (value: Buffer) => combine([...points, { index, value }]);
  const base = with0(Buffer.alloc(32));
  const unit = with0(Buffer.alloc(32, 1)).map((byte, at) => byte ^ base[at]!);
  return Buffer.from(
    secret.map((byte, at) => {
      const wanted = byte ^ base[at]!;
      return Array.from({ length: 256 }, (_, guess) => guess).find((guess) => multiply(guess, unit[at]!) === wanted)!;
    }),
  );
}

t.test('a share is read from whatever stands around it; a slip, a mixture and too few are told apart', async (t) => {
  const secret = randomBytes(32);
  const shares = splitSecret(secret, '0123456789abcdef', 3, 2);
  const texts = shares.map(formatShare);
  const read = texts.map((text, at) =>
    readShare(`For Mr A.\n\n  ${text.toUpperCase().replaceAll(' ', '\n ')}\n`, `${at}`),
  );
  t.same(read, shares);
  t.same(joinShares([read[2]!, read[0]!]), secret);
  t.same(joinShares(read), secret, 'more than enough');

  const position = texts[0]!.indexOf(' 2 ') + 4;
  const slip = texts[0]!.slice(0, position) + (texts[0]![position] === '0' ? '1' : '0') + texts[0]!.slice(position + 1);
  t.throws(() => readShare(slip, 'a.txt'), { ...refused('configuration'), message: /a\.txt.*checksum/ });
  for (const text of ['', 'kyso-share', texts[0]!.slice(0, 60)])
    t.throws(() => readShare(text, 'b.txt'), { ...refused('configuration'), message: /b\.txt holds no share/ });

  const others = splitSecret(randomBytes(32), 'fedcba9876543210', 3, 2);
  t.throws(() => joinShares([shares[0]!, others[1]!]), { message: /different ceremonies/ });
  t.throws(() => joinShares([shares[0]!]), { message: /2 different shares are needed, and only 1 came/ });
  t.throws(() => joinShares([shares[0]!, shares[0]!]), { message: /only 1 came/ });
  t.throws(() => joinShares([]), refused('configuration'));
  t.not(checksumOf(shares[0]!), checksumOf(shares[1]!));
  for (const [count, threshold] of [
    [2, 3],
    [256, 2],
    [3, 0],
    [3, Number.NaN],
  ] as const)
    t.throws(() => splitSecret(secret, '0123456789abcdef', count, threshold), refused('configuration'));
});
