import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { p256 } from '@noble/curves/nist.js';
import t from 'tap';
import { type DigestName, digestNames, type KeyTypeName } from '../../src/crypto/algorithms.ts';
import { ecdsaFromDer, ecdsaToDer } from '../../src/crypto/ecdsa.ts';
import { createVerifier } from '../../src/crypto/verify.ts';
import { refused } from '../helpers/refused.ts';

type Pair = { keyType: KeyTypeName; privateKey: KeyObject; spki: Buffer };

function makePair(keyType: KeyTypeName): Pair {
  const { privateKey, publicKey } =
    keyType === 'EC-P256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: Number(keyType.slice(4)) });
  return { keyType, privateKey, spki: publicKey.export({ format: 'der', type: 'spki' }) };
}

const pairs = [makePair('RSA-2048'), makePair('RSA-3072'), makePair('EC-P256')];
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
  'S12: signatures that openssl makes over SHA-256, -384 and -512 digests verify, for each key type',
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
  for (const pair of pairs) {
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
    for (let bit = 0; bit < signature.length * 8; bit += 3) {
      if (verify('SHA-256', digest, flipped(signature, bit))) accepted.push(bit);
    }
    for (let bit = 0; bit < 256; bit += 5) if (verify('SHA-256', flipped(digest, bit), signature)) accepted.push(-bit);
    t.same(accepted, [], pair.keyType);
  }
});

t.test('a signature by another key, of another length, or under another hash is refused', async (t) => {
  for (const pair of pairs) {
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
  const pair = pairs[0]!;
  const verify = createVerifier('RSA-2048', pair.spki);
  const { privateEncrypt, constants } = await import('node:crypto');
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
  const pair = pairs[0]!;
  const verify = createVerifier('RSA-2048', pair.spki);
  for (let round = 0; ; round++) {
    const signature = sign('sha256', Buffer.from(String(round)), pair.privateKey);
    if (signature[0] !== 0) continue;
    t.ok(verify('SHA-256', hash('SHA-256', String(round)), signature));
    t.notOk(verify('SHA-256', hash('SHA-256', String(round)), signature.subarray(1)));
    return;
  }
});

t.test('ECDSA: verdicts equal those of @noble/curves, high s and digests beyond the curve included', async (t) => {
  const pair = pairs[2]!;
  const verify = createVerifier('EC-P256', pair.spki);
  const order = p256.Point.Fn.ORDER;
  const number = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);
  const bytes = (n: bigint) => Buffer.from(n.toString(16).padStart(64, '0'), 'hex');
  const publicPoint = pair.spki.subarray(-65);
  for (let round = 0; round < 40; round++) {
    const name = digestNames[round % 3]!;
    const message = randomBytes(20);
    const digest = hash(name, message);
    const raw = sign(name.replace('-', ''), message, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
    const [r, s] = [raw.subarray(0, 32), raw.subarray(32)];
    const candidates = [
      raw,
      Buffer.concat([r, bytes(order - number(s))]),
      Buffer.concat([bytes(order - number(r)), s]),
      Buffer.concat([s, r]),
      Buffer.concat([bytes((number(r) + 1n) % order), s]),
    ];
    for (const [index, candidate] of candidates.entries()) {
      const expected = p256.verify(candidate, digest.subarray(0, 32), publicPoint, { prehash: false, lowS: false });
      t.equal(verify(name, digest, ecdsaToDer(candidate)), expected, `${name}, candidate ${index}`);
      if (index < 2) t.ok(expected);
    }
  }
});

t.test(
  'ECDSA: r and s outside 1…n−1 are refused; a digest of zero and a digest of n are numbers like any other',
  async (t) => {
    const order = p256.Point.Fn.ORDER;
    const bytes = (n: bigint) => Buffer.from(n.toString(16).padStart(64, '0'), 'hex');
    const secret = p256.utils.randomSecretKey();
    const point = Buffer.from(p256.getPublicKey(secret, false));
    const header = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
    const verify = createVerifier('EC-P256', Buffer.concat([header, point]));
    for (const digest of [Buffer.alloc(32), bytes(order), bytes(order + 5n)]) {
      const raw = Buffer.from(p256.sign(digest, secret, { prehash: false, lowS: false }));
      t.ok(verify('SHA-256', digest, ecdsaToDer(raw)), digest.toString('hex'));
      for (const bad of [0n, order, order + 1n]) {
        t.notOk(verify('SHA-256', digest, ecdsaToDer(Buffer.concat([bytes(bad), raw.subarray(32)]))), `r = ${bad}`);
        t.notOk(verify('SHA-256', digest, ecdsaToDer(Buffer.concat([raw.subarray(0, 32), bytes(bad)]))), `s = ${bad}`);
      }
    }
  },
);

t.test('ECDSA: h/r = −d, where the sum is the point at infinity, is refused without throwing', async (t) => {
  const order = p256.Point.Fn.ORDER;
  const header = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
  const secret = Buffer.alloc(32);
  secret[31] = 7;
  const verify = createVerifier('EC-P256', Buffer.concat([header, p256.getPublicKey(secret, false)]));
  const r = Buffer.alloc(32, 1);
  const digest = p256.Point.Fn.toBytes((BigInt(`0x${r.toString('hex')}`) * (order - 7n)) % order);
  t.notOk(verify('SHA-256', digest, ecdsaToDer(Buffer.concat([r, r]))));
});

t.test('S11: a public key of another type, or unreadable, is an integrity error', async (t) => {
  t.throws(() => createVerifier('RSA-2048', pairs[2]!.spki), refused('integrity'));
  t.throws(() => createVerifier('RSA-2048', pairs[1]!.spki), refused('integrity'));
  t.throws(() => createVerifier('EC-P256', pairs[0]!.spki), refused('integrity'));
  t.throws(() => createVerifier('EC-P256', Buffer.from('3000', 'hex')), refused('integrity'));
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  t.throws(() => createVerifier('EC-P256', publicKey.export({ format: 'der', type: 'spki' })), refused('integrity'));
});

t.test('ECDSA-Sig-Value and r ‖ s turn into each other; only strict DER is read', async (t) => {
  for (let round = 0; round < 300; round++) {
    const raw = randomBytes(64);
    raw.fill(0, 0, round % 33);
    raw.fill(0, 32, 32 + (round % 31));
    const der = ecdsaToDer(raw);
    t.same(ecdsaFromDer(der, 32), raw);
  }
  t.same(
    ecdsaFromDer(ecdsaToDer(Buffer.alloc(132, 0xff)), 66),
    Buffer.alloc(132, 0xff),
    'a width that needs long lengths',
  );
  t.throws(() => ecdsaToDer(Buffer.alloc(63)), refused('internal'));
  for (const [why, hex] of [
    ['empty', ''],
    ['no s', '3003020101'],
    ['trailing byte inside', '300702010102010100'],
    ['trailing byte outside', '300602010102010100'],
    ['padded integer', '30070202000102 0101'],
    ['negative integer', '3006020181020101'],
    ['empty integer', '30050200020101'],
    ['sequence shorter than its content', '3005020101020101'],
    ['length beyond the end', '3007020101020101'],
    ['long form where short suffices', '308106020101020101'],
    ['indefinite length', '30800201010201010000'],
    ['set instead of sequence', '3106020101020101'],
    ['number wider than the curve', `3026022101${'00'.repeat(32)}020101`],
  ] as const) {
    t.equal(ecdsaFromDer(Buffer.from(hex.replace(' ', ''), 'hex'), 32), undefined, why);
  }
});
