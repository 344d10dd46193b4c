import { randomBytes } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import t from 'tap';
import { newBoxKeyPair } from '../../src/crypto/hpke.ts';
import { restoreResidentKeys } from '../../src/hsm/init.ts';
import { connect, openSession } from '../../src/hsm/module.ts';
import { findKey } from '../../src/hsm/objects.ts';
import { startToken } from '../../src/hsm/pool.ts';
import type { ResidentKeySpec, SealedKey } from '../../src/hsm/protocol.ts';
import { allowedMechanisms } from '../../src/hsm/provider.ts';
import { refused } from '../helpers/refused.ts';
import { makeSoftHsmToken, type TestToken } from '../helpers/softhsm.ts';

const keys: ResidentKeySpec[] = [
  { label: 'kek-2', kind: 'AES-256-KEK' },
  { label: 'pepper-2', kind: 'HMAC-SHA256' },
  { label: 'attest', kind: 'EC-P256' },
  { label: 'issuing', kind: 'RSA-3072' },
];
const signing = [
  { label: 'attest', keyType: 'EC-P256' },
  { label: 'issuing', keyType: 'RSA-3072' },
] as const;
const ceremony = '0123456789abcdef';
const pair = await newBoxKeyPair();
const token = await makeSoftHsmToken(t);
const running = await start(token);

async function start({ config, pin }: TestToken) {
  const started = await startToken({ ...config, workers: 1 }, pin(), { onPinRefused: () => t.fail('PIN refused') });
  t.teardown(() => started.stop());
  return started;
}

const access = ({ config: { module, label, environment }, pin }: TestToken) => ({
  ...{ module, label, environment, pin: pin() },
});
const privateHalf = (privateKey = pair.privateKey) => ({ ceremony, privateKey: Buffer.from(privateKey) });
const data = randomBytes(32);
const digests = [randomBytes(32)];

const sealed: SealedKey[] = [];
const spkis: Record<string, Buffer> = {};

t.test('keys are made in a token that is at work, whose workers find them', async (t) => {
  for (const key of keys) {
    const made = await running.createKey(key, { ceremony, publicKey: pair.publicKey });
    t.ok(made.sealed && made.sealed.length < (key.kind === 'RSA-3072' ? 2000 : 200), key.label);
    sealed.push({ ...key, sealed: made.sealed! });
    if (made.spki) spkis[key.label] = made.spki;
  }
  for (const { label, keyType } of signing) {
    const spki = spkis[label]!;
    t.same(await running.publicKey({ label }), { keyType, spki });
    await running.signResident({ label, keyType, spki, digest: 'SHA-256', digests });
  }
  await t.rejects(running.createKey(keys[0]!, { ceremony, publicKey: pair.publicKey }), refused('configuration'));
  const other = { label: 'other', kind: 'EC-P384' } as const;
  await t.rejects(running.createKey(other, { ceremony, publicKey: pair.publicKey }), refused('configuration'));
  const plain = await running.createKey({ label: 'plain', kind: 'HMAC-SHA256' });
  t.equal(plain.sealed, undefined, 'without a backup nothing comes out');
});

t.test('S57: a key passes from one KEK to another inside the token', async (t) => {
  for (const keyType of ['EC-P256', 'RSA-2048'] as const) {
    const key = await running.generateKeyPair({ keyType, kek: 'kek-1' });
    const moved = await running.rewrap({ ...key, keyType, from: 'kek-1', to: 'kek-2' });
    t.notSame(moved.wrapped, key.wrapped);
    const job = { keyType, spki: key.spki, digest: 'SHA-256' as const, digests };
    t.equal((await running.sign({ ...job, ...moved, kek: 'kek-2' })).length, 1);
    t.equal((await running.sign({ ...job, ...key, kek: 'kek-1' })).length, 1, 'both versions work');
    await t.rejects(running.sign({ ...job, ...moved, kek: 'kek-1' }), refused('integrity'));
    await t.rejects(running.sign({ ...job, ...key, kek: 'kek-2' }), refused('integrity'));
    const other = await running.generateKeyPair({ keyType, kek: 'kek-1' });
    const swapped = running.rewrap({ ...key, spki: other.spki, keyType, from: 'kek-1', to: 'kek-2' });
    await t.rejects(swapped, refused('integrity'), 'not the key of this SPKI');
    const forged = running.rewrap({ ...key, wrapped: randomBytes(80), keyType, from: 'kek-1', to: 'kek-2' });
    await t.rejects(forged, refused('integrity'));
    await t.rejects(running.rewrap({ ...key, keyType, from: 'kek-1', to: 'kek-9' }), refused('internal'));
  }
});

t.test('a fresh token with the keys of the backup does what the lost one did', async (t) => {
  const blob = await running.generateKeyPair({ keyType: 'EC-P256', kek: 'kek-2' });
  const expected = await running.hmac({ label: 'pepper-2', data });
  const fresh = await makeSoftHsmToken(t, [], 'fresh');
  const made = await restoreResidentKeys({ ...access(fresh), keys: sealed, backup: privateHalf() });
  t.same(
    made.map((key) => key.label),
    keys.map((key) => key.label),
  );
  t.same([made[2]!.spki, made[3]!.spki], [spkis.attest, spkis.issuing], 'the same signing keys');
  const restored = await start(fresh);
  t.same(await restored.hmac({ label: 'pepper-2', data }), expected);
  const job = { keyType: 'EC-P256' as const, digest: 'SHA-256' as const, digests };
  t.equal((await restored.sign({ ...job, ...blob, kek: 'kek-2' })).length, 1);
  for (const { label, keyType } of signing)
    t.equal((await restored.signResident({ ...job, keyType, label, spki: spkis[label]! })).length, 1);
});

t.test(
  'another private half, another ceremony, or a changed or exchanged secret puts nothing into a token',
  async (t) => {
    const fresh = await makeSoftHsmToken(t, [], 'untouched');
    const [kek, pepper] = sealed as [SealedKey, SealedKey];
    const stranger = await newBoxKeyPair();
    const bent = Buffer.from(kek.sealed);
    bent[40]! ^= 1;
    const tries = {
      'another private half': { keys: [kek], backup: privateHalf(stranger.privateKey) },
      'another ceremony': { keys: [kek], backup: { ...privateHalf(), ceremony: 'fedcba9876543210' } },
      'a changed secret': { keys: [{ ...kek, sealed: bent }], backup: privateHalf() },
      'the secret of another key': { keys: [{ ...pepper, sealed: kek.sealed }], backup: privateHalf() },
      'another label': { keys: [{ ...kek, label: 'kek-3' }], backup: privateHalf() },
    };
    for (const [what, request] of Object.entries(tries))
      await t.rejects(restoreResidentKeys({ ...access(fresh), ...request }), refused('integrity'), what);
    const made = await restoreResidentKeys({ ...access(fresh), keys: [kek], backup: privateHalf() });
    t.same(made, [{ label: 'kek-2', kind: 'AES-256-KEK' }], 'no label was taken');
  },
);

t.test('a key that is destroyed is gone, and destroying it again is no error', async (t) => {
  await running.createKey({ label: 'old', kind: 'HMAC-SHA256' });
  await running.hmac({ label: 'old', data });
  await running.destroyKey('old');
  await running.destroyKey('old');
  const after = await start(token);
  await t.rejects(after.hmac({ label: 'old', data }), refused('internal'));
  t.ok(await after.hmac({ label: 'pepper-2', data }));
});

t.test('S5, S84: keys from outside are as closed as those that were made inside', async (t) => {
  process.env.SOFTHSM2_CONF = token.config.environment.SOFTHSM2_CONF;
  const session = openSession(await connect({ ...token.config, pin: token.pin() }));
  const { module, handle } = session;
  for (const [kind, label, mechanism] of [
    ['secret', 'kek-2'],
    ['secret', 'pepper-2'],
    ['private', 'attest', pkcs11.CKM_ECDSA],
    ['private', 'issuing', pkcs11.CKM_RSA_PKCS],
  ] as const) {
    const key = findKey(session, kind, label);
    const flag = (type: number) => module.C_GetAttributeValue(handle, key, [{ type }])[0]!.value[0] === 1;
    t.ok(flag(pkcs11.CKA_SENSITIVE) && flag(pkcs11.CKA_PRIVATE), `${label} is sensitive and private`);
    for (const type of [pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_MODIFIABLE, pkcs11.CKA_DECRYPT])
      t.notOk(flag(type), `${label}: ${type}`);
    const secret = mechanism === pkcs11.CKM_RSA_PKCS ? pkcs11.CKA_PRIVATE_EXPONENT : pkcs11.CKA_VALUE;
    t.throws(() => module.C_GetAttributeValue(handle, key, [{ type: secret }]), `${label} is not read`);
    const [allowed] = module.C_GetAttributeValue(handle, key, [{ type: pkcs11.CKA_ALLOWED_MECHANISMS }]);
    if (mechanism) t.same(allowed, allowedMechanisms(mechanism), `${label} signs in one way only`);
    t.throws(() => module.C_SetAttributeValue(handle, key, [{ type: pkcs11.CKA_EXTRACTABLE, value: true }]));
  }
});
