import { execFileSync } from 'node:child_process';
import { constants, createHash, type KeyObject, privateEncrypt, randomBytes, sign, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type DigestName, digestNames, digests, longestSalt } from '../../src/crypto/algorithms.ts';
import { createVerifier } from '../../src/crypto/verify.ts';
import { testKeyPair } from '../helpers/authority.ts';

const keyTypeNames = ['RSA-2048', 'RSA-3072', 'RSA-4096'] as const;
const keys = Object.fromEntries(
  keyTypeNames.map((keyType) => {
    const { privateKey, publicKey } = testKeyPair(keyType);
    return [keyType, { privateKey, publicKey, spki: publicKey.export({ format: 'der', type: 'spki' }) }];
  }),
) as Record<(typeof keyTypeNames)[number], { privateKey: KeyObject; publicKey: KeyObject; spki: Buffer }>;

const message = Buffer.from('văn bản');
const hash = (name: DigestName, ...data: Uint8Array[]) => createHash(name).update(Buffer.concat(data)).digest();

/** What openssl signs a digest to: an implementation of ours has no part in it. */
function opensslSign(directory: string, key: KeyObject, digest: DigestName, mgfDigest: DigestName, saltLength: number) {
  const keyFile = join(directory, 'key.pem');
  writeFileSync(keyFile, key.export({ format: 'pem', type: 'pkcs8' }));
  const names = [`digest:${digest}`, `rsa_mgf1_md:${mgfDigest}`].map((option) => option.replace('SHA-', 'sha'));
  const options = ['rsa_padding_mode:pss', ...names, `rsa_pss_saltlen:${saltLength}`];
  const args = ['pkeyutl', '-sign', '-inkey', keyFile, ...options.flatMap((option) => ['-pkeyopt', option])];
  return execFileSync('openssl', args, { input: hash(digest, message) });
}

t.test(
  'S12: RSASSA-PSS signatures of openssl verify: each key, digest and MGF1 digest, each kind of salt',
  async (t) => {
    const directory = t.testdir();
    for (const keyType of keyTypeNames) {
      const { privateKey, spki } = keys[keyType];
      for (const digest of digestNames) {
        for (const [index, mgfDigest] of digestNames.entries()) {
          const salts = [0, 20, digests[digest].length, longestSalt(keyType, digest)];
          const saltLength = mgfDigest === digest ? undefined : salts[index];
          for (const length of saltLength === undefined ? salts : [saltLength]) {
            const signature = opensslSign(directory, privateKey, digest, mgfDigest, length);
            const matches = (change: object = {}) =>
              createVerifier(keyType, spki, { mgfDigest, saltLength: length, ...change });
            const what = `${keyType} ${digest} ${mgfDigest} ${length}`;
            t.ok(matches()(digest, hash(digest, message), signature), what);
            t.notOk(matches({ saltLength: length + 1 })(digest, hash(digest, message), signature), `${what}: salt + 1`);
            t.notOk(matches({ saltLength: length - 1 })(digest, hash(digest, message), signature), `${what}: salt − 1`);
            const otherMgf = digestNames.find((name) => name !== mgfDigest);
            t.notOk(matches({ mgfDigest: otherMgf })(digest, hash(digest, message), signature), `${what}: other MGF1`);
            const other = digestNames.find((name) => name !== digest)!;
            t.notOk(matches()(other, hash(other, message), signature), `${what}: other digest`);
          }
        }
      }
    }
  },
);

const { privateKey, publicKey, spki } = keys['RSA-2048'];
const usual = { mgfDigest: 'SHA-256', saltLength: 32 } as const;
const digest = hash('SHA-256', message);
const matches = createVerifier('RSA-2048', spki, usual);
const good = () =>
  sign('SHA-256', message, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
const opensslAccepts = (signature: Buffer, saltLength = 32) =>
  verify('SHA-256', message, { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
/** What the key makes of an encoded message: a signature, whatever is in it. */
const raw = (encoded: Buffer) => privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encoded);

t.test('S12: any flipped bit of signature or digest is refused, and so is another length', async (t) => {
  const signature = good();
  t.ok(matches('SHA-256', digest, signature));
  const accepted: number[] = [];
  const flipped = (bytes: Buffer, bit: number) => {
    const copy = Buffer.from(bytes);
    copy[bit >> 3]! ^= 1 << (bit & 7);
    return copy;
  };
  for (let bit = 0; bit < 2048; bit++) if (matches('SHA-256', digest, flipped(signature, bit))) accepted.push(bit);
  for (let bit = 0; bit < 256; bit++) if (matches('SHA-256', flipped(digest, bit), signature)) accepted.push(-bit);
  t.same(accepted, []);
  for (const garbage of [
    Buffer.alloc(0),
    signature.subarray(1),
    signature.subarray(0, -1),
    Buffer.concat([Buffer.of(0), signature]),
    Buffer.concat([signature, Buffer.of(0)]),
    Buffer.alloc(256),
    Buffer.alloc(256, 0xff),
    randomBytes(4096),
  ]) {
    t.notOk(matches('SHA-256', digest, garbage), `garbage of ${garbage.length} bytes`);
  }
  for (const wrong of [Buffer.alloc(0), digest.subarray(1), Buffer.concat([digest, Buffer.of(0)])]) {
    t.notOk(matches('SHA-256', wrong, signature), `a digest of ${wrong.length} bytes`);
  }
});

t.test('RSASSA-PSS and PKCS#1 v1.5 do not pass for each other, nor does another key', async (t) => {
  t.notOk(matches('SHA-256', digest, sign('SHA-256', message, privateKey)));
  t.notOk(createVerifier('RSA-2048', spki)('SHA-256', digest, good()));
  t.notOk(
    createVerifier('RSA-2048', testKeyPair('RSA-2048').publicKey.export({ format: 'der', type: 'spki' }), usual)(
      'SHA-256',
      digest,
      good(),
    ),
  );
});

t.test('the number of a signature plus the modulus is refused (RFC 8017 §5.2.2)', async (t) => {
  const { n = '' } = publicKey.export({ format: 'jwk' });
  const modulus = BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`);
  for (;;) {
    const signature = good();
    const sum = (BigInt(`0x${signature.toString('hex')}`) + modulus).toString(16);
    if (sum.length > 512) continue; // another salt, until the sum fits into as many bytes
    t.ok(matches('SHA-256', digest, signature));
    t.notOk(matches('SHA-256', digest, Buffer.from(sum.padStart(512, '0'), 'hex')));
    return;
  }
});

/** EMSA-PSS-ENCODE (RFC 8017 §9.1.1) for RSA-2048 with SHA-256 throughout, with a fault in one of its parts. */
function encode(fault: {
  salt?: Buffer;
  prefix?: Buffer;
  separator?: number;
  padding?: number;
  trailer?: number;
  topBit?: boolean;
  found?: (hash: Buffer) => Buffer;
}): Buffer {
  const { salt = Buffer.alloc(32, 7), prefix = Buffer.alloc(8), separator = 1, padding = 0, trailer = 0xbc } = fault;
  const own = hash('SHA-256', prefix, digest, salt);
  const found = fault.found?.(own) ?? own;
  const data = Buffer.concat([Buffer.alloc(222), Buffer.of(separator), salt]).subarray(-223);
  if (padding) data[data.length - salt.length - 2]! |= padding;
  const counters = Array.from({ length: 7 }, (_, index) => Buffer.of(0, 0, 0, index));
  const mask = Buffer.concat(counters.map((counter) => hash('SHA-256', found, counter)));
  const masked = data.map((byte, index) => byte ^ mask[index]!);
  masked[0]! &= 0x7f;
  if (fault.topBit) masked[0]! |= 0x80;
  return Buffer.concat([masked, found, Buffer.of(trailer)]);
}

/** With its first bit set, a message may be a number beyond the modulus, which no key signs: then with another salt. */
function belowModulus(encodeWith: (salt: Buffer) => Buffer): Buffer {
  const { n = '' } = publicKey.export({ format: 'jwk' });
  for (;;) {
    const encoded = encodeWith(randomBytes(32));
    if (encoded.compare(Buffer.from(n, 'base64url')) < 0) return encoded;
  }
}

t.test('encoded messages with one fault are refused, as openssl refuses them (RFC 8017 §9.1.2)', async (t) => {
  const soundSignature = raw(encode({}));
  t.ok(matches('SHA-256', digest, soundSignature), 'without a fault it is good');
  t.ok(opensslAccepts(soundSignature));
  const flip = (at: number) => (own: Buffer) => {
    const copy = Buffer.from(own);
    copy[at]! ^= 1;
    return copy;
  };
  for (const [why, encoded] of [
    ['trailer 0xcc', encode({ trailer: 0xcc })],
    ['trailer 0', encode({ trailer: 0 })],
    ['first bit set', belowModulus((salt) => encode({ salt, topBit: true }))],
    ['padding that is not zero', encode({ padding: 1 })],
    ['padding with its high bit set', encode({ padding: 0x80 })],
    ['separator 0', encode({ separator: 0 })],
    ['separator 2', encode({ separator: 2 })],
    ['separator 0x81', encode({ separator: 0x81 })],
    ['a hash with its first byte changed', encode({ found: flip(0) })],
    ['a hash with its last byte changed', encode({ found: flip(31) })],
    ['a hash of zeros', encode({ found: () => Buffer.alloc(32) })],
    ['a prefix that is not zero', encode({ prefix: Buffer.alloc(8, 1) })],
    ['a shorter prefix', encode({ prefix: Buffer.alloc(7) })],
    ['no salt', encode({ salt: Buffer.alloc(0) })],
    ['a salt of 31 bytes', encode({ salt: Buffer.alloc(31, 7) })],
    ['a salt of 33 bytes', encode({ salt: Buffer.alloc(33, 7) })],
    [
      'a salt of 33 bytes that ends like one of 32',
      encode({ salt: Buffer.concat([Buffer.of(1), Buffer.alloc(32, 7)]) }),
    ],
    ['the number 0', Buffer.alloc(256)],
    ['the number 1', Buffer.concat([Buffer.alloc(255), Buffer.of(1)])],
    ['only the trailer', Buffer.concat([Buffer.alloc(255), Buffer.of(0xbc)])],
  ] as const) {
    const signature = raw(encoded);
    t.notOk(opensslAccepts(signature), `${why}: openssl`);
    t.notOk(matches('SHA-256', digest, signature), why);
  }
});

t.test('a salt for which the key has no room verifies nothing, and throws nothing', async (t) => {
  const withSalt = (saltLength: number, signature: Buffer) =>
    createVerifier('RSA-2048', spki, { mgfDigest: 'SHA-256', saltLength })('SHA-256', digest, signature);
  for (const saltLength of [222, 223, 224, 256, 65_535]) t.notOk(withSalt(saltLength, good()));
  const longest = raw(encode({ salt: Buffer.alloc(222, 7) }));
  t.ok(withSalt(222, longest));
  t.ok(opensslAccepts(longest, 222));
  const nothingButSalt = raw(encode({ salt: Buffer.alloc(223, 7) }));
  t.notOk(withSalt(223, nothingButSalt), 'no byte is left for the separator');
});
