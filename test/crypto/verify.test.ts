import { execFileSync } from 'node:child_process';
import {
  constants,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  randomBytes,
  sign,
} from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import t from 'tap';
import { type DigestName, digestNames, type KeyTypeName, keyTypes } from '../../src/crypto/algorithms.ts';
import { ecdsaToDer } from '../../src/crypto/ecdsa.ts';
import { createVerifier } from '../../src/crypto/verify.ts';
import { verifiesMessage } from '../../src/crypto/verify-message.ts';
import { testKeyPair } from '../helpers/authority.ts';
import { refused } from '../helpers/refused.ts';

type Pair = { keyType: KeyTypeName; privateKey: KeyObject; spki: Buffer };

function makePair(keyType: KeyTypeName): Pair {
  const { privateKey, publicKey } = testKeyPair(keyType);
  return { keyType, privateKey, spki: publicKey.export({ format: 'der', type: 'spki' }) };
}

const pairs = (Object.keys(keyTypes) as KeyTypeName[]).map(makePair);
const pairOf = (keyType: KeyTypeName) => pairs.find((pair) => pair.keyType === keyType)!;
/** Two of each family: what holds for these holds for keys of another size. */
const fewPairs = (['RSA-2048', 'RSA-3072', 'EC-P256', 'EC-P521'] as const).map(pairOf);
const hash = (name: DigestName, data: string | Buffer) => createHash(name.replace('-', '')).update(data).digest();

/** `openssl pkeyutl -sign` takes the digest as it is: an implementation of ours has no part in it. */
function opensslSign(directory: string, pair: Pair, name: DigestName, digest: Buffer): Buffer {
  const key = join(directory, `${pair.keyType}.pem`);
  writeFileSync(key, pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(join(directory, 'digest'), digest);
  const options = [
    '-sign',
    '-inkey',
    key,
    '-in',
    join(directory, 'digest'),
    '-pkeyopt',
    `digest:${name.replace('-', '')}`,
  ];
  return execFileSync('openssl', ['pkeyutl', ...options]);
}

t.test(
  'S12, S94: signatures that openssl makes over SHA-256, -384 and -512 digests verify, for each key type',
  async (t) => {
    const directory = t.testdir();
    for (const pair of pairs) {
      const verify = createVerifier(pair.keyType, pair.spki);
      for (const name of digestNames) {
        const digest = hash(name, 'văn bản');
        const signature = opensslSign(directory, pair, name, digest);
        t.ok(verify(name, digest, signature), `${pair.keyType} ${name}`);
      }
    }
  },
);

t.test('S12: any flipped bit of signature or digest is refused, without throwing', async (t) => {
  for (const pair of fewPairs) {
    const verify = createVerifier(pair.keyType, pair.spki);
    const digest = hash('SHA-256', 'data');
    const signature = sign('sha256', Buffer.from('data'), pair.privateKey);
    t.ok(verify('SHA-256', digest, signature), pair.keyType);
    const flipped = (bytes: Buffer, bit: number) => {
      const copy = Buffer.from(bytes);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      return copy;
    };
    const accepted: number[] = [];
    for (let bit = 0; bit < signature.length * 8; bit += 7) {
      if (verify('SHA-256', digest, flipped(signature, bit))) accepted.push(bit);
    }
    for (let bit = 0; bit < 256; bit += 5) if (verify('SHA-256', flipped(digest, bit), signature)) accepted.push(-bit);
    t.same(accepted, [], pair.keyType);
  }
});

t.test('a signature by another key, of another length, or under another hash is refused', async (t) => {
  for (const pair of fewPairs) {
    const verify = createVerifier(pair.keyType, pair.spki);
    const digest = hash('SHA-256', 'data');
    const signature = sign('sha256', Buffer.from('data'), pair.privateKey);
    const stranger = sign('sha256', Buffer.from('data'), makePair(pair.keyType).privateKey);
    t.notOk(verify('SHA-256', digest, stranger), 'another key');
    t.notOk(verify('SHA-256', digest.subarray(1), signature), 'short digest');
    t.notOk(verify('SHA-256', Buffer.alloc(0), signature), 'no digest');
    t.notOk(verify('SHA-384', hash('SHA-384', 'data'), signature), 'another hash');
    for (const garbage of [
      Buffer.alloc(0),
      signature.subarray(1),
      signature.subarray(0, -1),
      Buffer.concat([signature, Buffer.of(0)]),
      Buffer.concat([Buffer.of(0), signature]),
      Buffer.alloc(signature.length),
      Buffer.alloc(signature.length, 0xff),
      randomBytes(4096),
    ]) {
      t.notOk(verify('SHA-256', digest, garbage), `garbage of ${garbage.length} bytes`);
    }
  }
});

t.test('RSA: PKCS#1 v1.5 padding around anything but the exact DigestInfo is refused', async (t) => {
  const pair = pairOf('RSA-2048');
  const verify = createVerifier('RSA-2048', pair.spki);
  const pad = (data: Buffer) => privateEncrypt({ key: pair.privateKey, padding: constants.RSA_PKCS1_PADDING }, data);
  const digest = hash('SHA-256', 'data');
  const info = Buffer.from('3031300d060960864801650304020105000420', 'hex');
  t.ok(verify('SHA-256', digest, pad(Buffer.concat([info, digest]))));
  t.notOk(verify('SHA-256', digest, pad(digest)), 'bare digest');
  t.notOk(verify('SHA-256', digest, pad(Buffer.concat([info, digest, Buffer.of(0)]))), 'trailing byte');
  const withoutNull = Buffer.from('302f300b0609608648016503040201 0420'.replace(' ', ''), 'hex');
  t.notOk(verify('SHA-256', digest, pad(Buffer.concat([withoutNull, digest]))), 'parameters left out');
});

t.test('RSA: a signature without its leading zero byte is refused, though it is the same number', async (t) => {
  const pair = pairOf('RSA-2048');
  const verify = createVerifier('RSA-2048', pair.spki);
  for (let round = 0; ; round++) {
    const signature = sign('sha256', Buffer.from(String(round)), pair.privateKey);
    if (signature[0] !== 0) continue;
    t.ok(verify('SHA-256', hash('SHA-256', String(round)), signature));
    t.notOk(verify('SHA-256', hash('SHA-256', String(round)), signature.subarray(1)));
    return;
  }
});

/** The pure JavaScript of @noble/curves as a second judge, and what the tests need to know of each curve. */
const curves = [
  { keyType: 'EC-P256', curve: p256, width: 32, header: '3059301306072a8648ce3d020106082a8648ce3d030107034200' },
  { keyType: 'EC-P384', curve: p384, width: 48, header: '3076301006072a8648ce3d020106052b81040022036200' },
  { keyType: 'EC-P521', curve: p521, width: 66, header: '30819b301006072a8648ce3d020106052b8104002303818600' },
] as const;

const number = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

for (const { keyType, curve, width, header } of curves) {
  const order = curve.Point.Fn.ORDER;
  const bytes = (n: bigint) => Buffer.from(n.toString(16).padStart(2 * width, '0'), 'hex');
  const spkiOf = (point: Uint8Array) => Buffer.concat([Buffer.from(header, 'hex'), point]);
  const asGiven = { prehash: false, lowS: false };

  t.test(
    `${keyType}: verdicts equal those of @noble/curves, high s and digests beyond the curve included`,
    async (t) => {
      const pair = pairOf(keyType);
      const publicPoint = pair.spki.subarray(-(1 + 2 * width));
      t.same(spkiOf(publicPoint), pair.spki);
      const verify = createVerifier(keyType, pair.spki);
      for (let round = 0; round < 24; round++) {
        const name = digestNames[round % 3]!;
        const message = randomBytes(20);
        const digest = hash(name, message);
        const raw = sign(name, message, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
        const [r, s] = [raw.subarray(0, width), raw.subarray(width)];
        const candidates = [
          raw,
          Buffer.concat([r, bytes(order - number(s))]),
          Buffer.concat([bytes(order - number(r)), s]),
          Buffer.concat([s, r]),
          Buffer.concat([bytes((number(r) + 1n) % order), s]),
        ];
        for (const [index, candidate] of candidates.entries()) {
          const expected = curve.verify(candidate, digest.subarray(0, width), publicPoint, asGiven);
          t.equal(verify(name, digest, ecdsaToDer(candidate)), expected, `${name}, candidate ${index}`);
          if (index < 2) t.ok(expected);
        }
      }
    },
  );

  t.test(
    `${keyType}: r and s outside 1…n−1 are refused; digests of 0 and of n are numbers like any other`,
    async (t) => {
      const secret = curve.utils.randomSecretKey();
      const verify = createVerifier(keyType, spkiOf(curve.getPublicKey(secret, false)));
      const name = width === 32 ? 'SHA-256' : width === 48 ? 'SHA-384' : 'SHA-512';
      const values = width === 66 ? [0n, 1n, 2n ** 512n - 1n] : [0n, order, order + 5n];
      for (const value of values) {
        const digest = Buffer.from(value.toString(16).padStart(2 * Math.min(width, 64), '0'), 'hex');
        const raw = Buffer.from(curve.sign(digest, secret, asGiven));
        t.ok(verify(name, digest, ecdsaToDer(raw)), digest.toString('hex'));
        for (const bad of [0n, order, order + 1n]) {
          t.notOk(verify(name, digest, ecdsaToDer(Buffer.concat([bytes(bad), raw.subarray(width)]))), `r = ${bad}`);
          t.notOk(verify(name, digest, ecdsaToDer(Buffer.concat([raw.subarray(0, width), bytes(bad)]))), `s = ${bad}`);
        }
      }
    },
  );

  t.test(`${keyType}: h/r = −d, where the sum is the point at infinity, is refused without throwing`, async (t) => {
    const secret = bytes(7n);
    const verify = createVerifier(keyType, spkiOf(curve.getPublicKey(secret, false)));
    // The digest is as wide as the curve, or on P-521 narrower: r = −h/d makes the sum vanish for any h.
    const name = width === 32 ? 'SHA-256' : width === 48 ? 'SHA-384' : 'SHA-512';
    const digest = hash(name, 'data');
    const { Fn } = curve.Point;
    const r = bytes(Fn.mul(Fn.create(number(digest)), Fn.inv(Fn.neg(7n))));
    t.notOk(verify(name, digest, ecdsaToDer(Buffer.concat([r, r]))));
  });
}

t.test('EC-P521: signatures whose DER needs the long form of the length verify', async (t) => {
  const pair = pairOf('EC-P521');
  const signature = sign('SHA-512', Buffer.from('data'), pair.privateKey);
  t.equal(signature[1], 0x81);
  const verify = createVerifier('EC-P521', pair.spki);
  t.ok(verify('SHA-512', hash('SHA-512', 'data'), signature));
  const shortForm = Buffer.concat([signature.subarray(0, 1), signature.subarray(2)]);
  t.notOk(verify('SHA-512', hash('SHA-512', 'data'), shortForm));
});

t.test('S11: a public key of another type, or unreadable, is an integrity error', async (t) => {
  for (const { keyType } of pairs) {
    for (const other of pairs) {
      if (other.keyType === keyType) continue;
      t.throws(() => createVerifier(keyType, other.spki), refused('integrity'), `${other.keyType} as ${keyType}`);
    }
    t.throws(() => createVerifier(keyType, Buffer.from('3000', 'hex')), refused('integrity'));
  }
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey.export({ format: 'der', type: 'spki' });
  t.throws(() => createVerifier('RSA-2048', pss), refused('integrity'), 'a key that is bound to PSS by its own OID');
});

t.test('ECDSA: the same numbers in anything but strict DER are refused', async (t) => {
  for (const keyType of ['EC-P256', 'EC-P384'] as const) {
    const pair = pairOf(keyType);
    const verify = createVerifier(keyType, pair.spki);
    const digest = hash('SHA-256', 'data');
    const raw = sign('sha256', Buffer.from('data'), { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
    const good = ecdsaToDer(raw);
    t.ok(verify('SHA-256', digest, good));
    const [r, s] = [raw.subarray(0, raw.length / 2), raw.subarray(raw.length / 2)];
    const integer = (bytes: Uint8Array) => Buffer.concat([Buffer.of(0x02, bytes.length), bytes]);
    const sequence = (...parts: Uint8Array[]) => {
      const body = Buffer.concat(parts);
      return Buffer.concat([Buffer.of(0x30, body.length), body]);
    };
    const body = good.subarray(2);
    for (const [why, signature] of [
      [
        'padded integers',
        sequence(integer(Buffer.concat([Buffer.of(0, 0), r])), integer(Buffer.concat([Buffer.of(0, 0), s]))),
      ],
      ['trailing byte inside', sequence(body, Buffer.of(0))],
      ['trailing byte outside', Buffer.concat([good, Buffer.of(0)])],
      ['long form where short suffices', Buffer.concat([Buffer.of(0x30, 0x81, body.length), body])],
      ['indefinite length', Buffer.concat([Buffer.of(0x30, 0x80), body, Buffer.of(0, 0)])],
      ['set instead of sequence', Buffer.concat([Buffer.of(0x31, body.length), body])],
      ['r ‖ s', raw],
      ['no s', sequence(body.subarray(0, 2 + body[1]!))],
    ] as const) {
      t.notOk(verify('SHA-256', digest, signature), `${keyType}: ${why}`);
    }
  }
  t.throws(() => ecdsaToDer(Buffer.alloc(63)), refused('internal'));
  t.same(
    ecdsaToDer(Buffer.concat([Buffer.alloc(31), Buffer.of(1), Buffer.of(0x80), Buffer.alloc(31)])).toString('hex'),
    `3026020101022100${'80'.padEnd(64, '0')}`,
    'shortest positive integers',
  );
});

t.test('a verifier outlives what is remembered of its key, and a bad point is no key', async (t) => {
  const pair = pairOf('EC-P256');
  const verify = createVerifier('EC-P256', pair.spki);
  const signature = sign('sha256', Buffer.from('data'), pair.privateKey);
  for (let other = 0; other < 100; other++) createVerifier('EC-P256', makePair('EC-P256').spki);
  t.ok(verify('SHA-256', hash('SHA-256', 'data'), signature));
  const offCurve = Buffer.from(pair.spki);
  offCurve[offCurve.length - 1]! ^= 1;
  t.throws(() => createVerifier('EC-P256', offCurve), refused('integrity'));
  t.throws(() => createVerifier('EC-P256', pair.spki.subarray(0, -1)), refused('integrity'));
});

t.test('who holds the message gets the same verdict', async (t) => {
  const message = Buffer.from('data');
  for (const pair of pairs) {
    const signature = sign('sha384', message, pair.privateKey);
    const verdict = (given: Buffer, by: Buffer) =>
      verifiesMessage(pair.keyType, pair.spki, { digest: 'SHA-384' }, given, by);
    t.ok(verdict(message, signature), pair.keyType);
    t.notOk(verdict(Buffer.from('other'), signature), pair.keyType);
    t.notOk(verdict(message, signature.subarray(1)), pair.keyType);
  }
});
