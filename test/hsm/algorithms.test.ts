import { execFileSync } from 'node:child_process';
import { constants, createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  type DigestName,
  digestNames,
  digests,
  type KeyTypeName,
  keyTypes,
  longestSalt,
  type SignScheme,
  signAlgos,
  signAlgosOf,
} from '../../src/crypto/algorithms.ts';
import { createResidentKeys } from '../../src/hsm/init.ts';
import { startToken, type Token } from '../../src/hsm/pool.ts';
import { refused } from '../helpers/refused.ts';
import { onEachProvider } from '../helpers/tokens.ts';

const provider = onEachProvider(t, import.meta);
const made = await provider.makeToken(t);
const events = {
  onPinRefused: () => t.fail('the PIN was refused'),
  onTrouble: (error: unknown) => t.fail(String(error)),
};
const token = await startToken({ ...made.config, workers: 1 }, made.pin(), events);
t.teardown(() => token.stop());

const keyTypeNames = Object.keys(keyTypes) as KeyTypeName[];
const kek = 'kek-1';
const hash = (name: DigestName, message: Buffer) => createHash(name).update(message).digest();

/** Every way to sign with a key of this type: each `signAlgo` with each digest, PSS with each kind of salt. */
function schemesOf(keyType: KeyTypeName): { oid: string; scheme: SignScheme }[] {
  const rows = signAlgos.filter(({ family }) => family === keyTypes[keyType].family);
  return rows.flatMap(({ oid, digest: implied, params }) => {
    const names = implied ? [implied] : digestNames;
    return names.flatMap((digest) => {
      if (!params) return [{ oid, scheme: { digest } }];
      const salts = [0, 20, digests[digest].length, longestSalt(keyType, digest)];
      return salts.map((saltLength) => ({ oid, scheme: { digest, pss: { mgfDigest: digest, saltLength } } }));
    });
  });
}

/** node:crypto's verdict, over the message itself. */
function nodeAccepts(spki: Buffer, { digest, pss }: SignScheme, message: Buffer, signature: Buffer): boolean {
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const padding = pss && { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: pss.saltLength };
  return verify(digest, message, { key, ...padding }, signature);
}

/** The verdict of `openssl pkeyutl`, over the digest. */
function opensslAccepts(t: Test, spki: Buffer, { digest, pss }: SignScheme, value: Buffer, signature: Buffer): boolean {
  const directory = t.testdir();
  const [key, input, sigfile] = ['key', 'digest', 'signature'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(
    key,
    createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'pem', type: 'spki' }),
  );
  writeFileSync(input, value);
  writeFileSync(sigfile, signature);
  const name = digest.replace('SHA-', 'sha');
  const options = [
    `digest:${name}`,
    ...(pss ? ['rsa_padding_mode:pss', `rsa_mgf1_md:${name}`, `rsa_pss_saltlen:${pss.saltLength}`] : []),
  ];
  const args = ['pkeyutl', '-verify', '-pubin', '-inkey', key, '-in', input, '-sigfile', sigfile];
  const said = execFileSync('openssl', [...args, ...options.flatMap((option) => ['-pkeyopt', option])]);
  return said.toString().includes('Signature Verified Successfully');
}

for (const keyType of keyTypeNames) {
  t.test(
    `S94: ${keyType}: openssl and node:crypto accept what the token signs by each signAlgo and digest`,
    async (t) => {
      const key = { keyType, kek, ...(await token.generateKeyPair({ keyType, kek })) };
      const used = new Set<string>();
      for (const { oid, scheme } of schemesOf(keyType)) {
        const message = randomBytes(40);
        const value = hash(scheme.digest, message);
        const what = `${oid} ${scheme.digest} ${scheme.pss?.saltLength ?? ''}`;
        const [signature] = await token.sign({ ...key, ...scheme, digests: [value] });
        t.ok(nodeAccepts(key.spki, scheme, message, signature!), what);
        t.ok(opensslAccepts(t, key.spki, scheme, value, signature!), `${what}: openssl`);
        t.notOk(nodeAccepts(key.spki, scheme, randomBytes(40), signature!), `${what}: another message`);
        used.add(oid);
      }
      t.same([...used], token.signAlgos(keyType), 'each that the token is said to serve');
    },
  );
}

t.test('S56: the token serves all of the table; what it refuses of PSS is known beforehand', async (t) => {
  for (const keyType of keyTypeNames) t.same(token.signAlgos(keyType), signAlgosOf(keyType));
  const serves = (digest: DigestName, mgfDigest: DigestName) =>
    token.serves('RSA-2048', { digest, pss: { mgfDigest, saltLength: 0 } });
  for (const digest of digestNames)
    for (const mgf of digestNames) {
      const refuses = provider.name === 'SoftHSM' && digest !== mgf;
      t.equal(serves(digest, mgf), !refuses, `${digest} with MGF1 of ${mgf}`);
    }
  for (const digest of digestNames) t.ok(token.serves('EC-P521', { digest }));
});

t.test('a PSS salt is what was asked for, and fresh for each signature', async (t) => {
  const request = { keyType: 'RSA-2048' as const, kek };
  const key = { ...request, ...(await token.generateKeyPair(request)) };
  const message = Buffer.from('the same');
  const value = hash('SHA-256', message);
  const signWith = (saltLength: number, count: number) => {
    const pss = { mgfDigest: 'SHA-256' as const, saltLength };
    return token.sign({ ...key, digest: 'SHA-256', pss, digests: Array.from({ length: count }, () => value) });
  };
  t.equal(new Set((await signWith(32, 40)).map((signature) => signature.toString('hex'))).size, 40);
  t.equal(new Set((await signWith(0, 5)).map((signature) => signature.toString('hex'))).size, 1, 'without a salt');
  const [signature] = await signWith(20, 1);
  for (const saltLength of [0, 19, 21, 32]) {
    const scheme = { digest: 'SHA-256' as const, pss: { mgfDigest: 'SHA-256' as const, saltLength } };
    t.notOk(nodeAccepts(key.spki, scheme, message, signature!), `${saltLength}`);
  }
});

t.test('S25: a digest of another length than its algorithm says is refused, for each key and PSS', async (t) => {
  const keys = await Promise.all(
    (['RSA-2048', 'EC-P384', 'EC-P521'] as const).map(async (keyType) => {
      return { keyType, kek, ...(await token.generateKeyPair({ keyType, kek })) };
    }),
  );
  for (const key of keys) {
    const pss = { mgfDigest: 'SHA-384' as const, saltLength: 48 };
    for (const scheme of key.keyType === 'RSA-2048' ? [{}, { pss }] : [{}]) {
      for (const length of [0, 20, 32, 47, 49, 64, 66]) {
        const given = [randomBytes(48), Buffer.alloc(length, 1)];
        const job = { ...key, digest: 'SHA-384' as const, ...scheme, digests: given };
        await t.rejects(token.sign(job), refused('internal'), `${key.keyType}, ${length} bytes`);
      }
      const job = { ...key, digest: 'SHA-384' as const, ...scheme, digests: [randomBytes(48)] };
      t.equal((await token.sign(job)).length, 1, 'and the worker goes on');
    }
  }
});

t.test('ECDSA on P-521 comes as DER with the long form of the length, r and s as wide as the curve', async (t) => {
  const request = { keyType: 'EC-P521' as const, kek };
  const key = { ...request, ...(await token.generateKeyPair(request)) };
  const given = Array.from({ length: 32 }, () => randomBytes(64));
  for (const signature of await token.sign({ ...key, digest: 'SHA-512', digests: given })) {
    t.equal(signature[1], 0x81);
    t.equal(signature[2], signature.length - 3);
  }
});

t.test(
  'resident keys may be of each type; they sign by PKCS#1 v1.5 or ECDSA, and their public half is read',
  async (t) => {
    const wanted = (['RSA-4096', 'EC-P384', 'EC-P521'] as const).map((kind) => ({ label: `own ${kind}`, kind }));
    const keys = await createResidentKeys({ ...made.config, pin: made.pin(), keys: wanted });
    const own: Token = await startToken({ ...made.config, workers: 1 }, made.pin(), events);
    t.teardown(() => own.stop());
    for (const [index, { label, kind: keyType }] of wanted.entries()) {
      const spki = keys[index]!.spki!;
      t.same(await own.publicKey({ label }), { keyType, spki });
      const message = randomBytes(10);
      const job = { label, keyType, spki, digest: 'SHA-512' as const, digests: [hash('SHA-512', message)] };
      const [signature] = await own.signResident(job);
      t.ok(nodeAccepts(spki, { digest: 'SHA-512' }, message, signature!), keyType);
    }
  },
);
