import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pkcs11 from 'pkcs11js';
import t from 'tap';
import { tokenLabels } from '../../src/activation/context.ts';
import { upkeep } from '../../src/activation/upkeep.ts';
import { sha256 } from '../../src/base/bytes.ts';
import { argon2id, parseCost, pinCost } from '../../src/crypto/argon2.ts';
import { openFrom } from '../../src/crypto/hpke.ts';
import { deriveKey, open } from '../../src/crypto/seal.ts';
import { connect, openSession } from '../../src/hsm/module.ts';
import { findKey } from '../../src/hsm/objects.ts';
import { startToken } from '../../src/hsm/pool.ts';
import { hmac } from '../../src/hsm/resident-keys.ts';
import { storesIn } from '../helpers/one-store.ts';
import { newSigner, randomHashes } from '../helpers/signer.ts';
import { makeSoftHsmToken } from '../helpers/softhsm.ts';
import { until } from '../helpers/until.ts';

/*
 * The attacker has everything that lies on signer's disk: the store, the token's files and the token's PIN. What opens and
 * what does not is docs/architecture.md, "What it withstands"; here it is tried.
 */
const softHsm = await makeSoftHsmToken(
  t,
  [
    { label: tokenLabels.kek, kind: 'AES-256-KEK' },
    ...[tokenLabels.pepper, tokenLabels.rowMac, tokenLabels.seeds].map(
      (label) => ({ label, kind: 'HMAC-SHA256' }) as const,
    ),
    { label: tokenLabels.attestation, kind: 'EC-P256' },
  ],
  'kyso-signer',
);
const token = await startToken(softHsm.config, softHsm.pin(), { onPinRefused: () => t.fail('the PIN was refused') });
t.teardown(() => token.stop());

// A holder with the PIN's real cost, a SAD that was used up, one that ended, and one that still lives.
const world = await (await newSigner(t, storesIn(t), token)).again({ pinCost });
const person = await world.newPerson();
const byMail = await person.newCredential({ otp: 'email' });
const hashes = randomHashes(3) as [Buffer, Buffer, Buffer];
await person.signHash(await person.authorize([hashes[0]]), [hashes[0]]);
await person.authorize([hashes[1]]);
const code = await byMail.sendCode();
await world.advance(300_001);
await upkeep(world.signer);
const sad = await person.authorize([hashes[2]]);
const { store } = world;
await until(async () => (await store.read.db.select().from(store.read.t.notices)).length === 0);

// The theft.
const loot = mkdtempSync(join(tmpdir(), 'kyso-loot-'));
t.teardown(() => rmSync(loot, { recursive: true, force: true }));
cpSync(softHsm.directory, loot, { recursive: true });
const conf = join(loot, 'softhsm2.conf');
writeFileSync(conf, readFileSync(conf, 'utf8').replaceAll(softHsm.directory, loot));
process.env.SOFTHSM2_CONF = conf;
const session = openSession(await connect({ ...softHsm.config, pin: softHsm.pin() }));
const { module, handle } = session;
const tables = store.read.t;
const all = async <T>(table: T) => (await store.read.db.select().from(table as typeof tables.keys)) as unknown[];
const key = ((await all(tables.keys)) as (typeof tables.keys.$inferSelect)[]).find(
  (row) => row.credential === person.credentialID,
)!;
const [vault] = (await all(tables.vaults)) as (typeof tables.vaults.$inferSelect)[];
const [factors] = (await all(tables.factors)) as (typeof tables.factors.$inferSelect)[];
const authorizations = (await all(tables.authorizations)) as (typeof tables.authorizations.$inferSelect)[];
const codes = (await all(tables.oneTimeCodes)) as (typeof tables.oneTimeCodes.$inferSelect)[];

const keyFacts = (use: string) => ({
  ...{ use, key: key.id, subscriber: key.subscriber, keyVersion: key.keyVersion, keyType: key.keyType },
  ...{ kek: key.kek, mechanism: key.mechanism, spki: sha256(key.spki).toString('hex') },
});
const vaultFacts = {
  ...{ use: 'vault', subscriber: vault!.subscriber, publicKey: vault!.publicKey.toString('hex') },
  ...{ openedBy: vault!.openedBy, kdf: vault!.kdf, pepper: vault!.pepper },
};

/** With the token's PIN, anybody unwraps what the KEK wrapped as a key that can be read. */
function readPrivateKey(wrapped: Buffer): Buffer {
  const unwrapped = module.C_UnwrapKey(handle, { mechanism: 0x210a }, findKey(session, 'secret', key.kek), wrapped, [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_EC },
    { type: pkcs11.CKA_TOKEN, value: false },
    { type: pkcs11.CKA_SENSITIVE, value: false },
    { type: pkcs11.CKA_EXTRACTABLE, value: true },
  ]);
  const [value] = module.C_GetAttributeValue(handle, unwrapped, [{ type: pkcs11.CKA_VALUE }]);
  return value!.value;
}

/** One guess: what the server does, without its counters. */
async function guess(pin: string): Promise<Buffer | undefined> {
  const stretched = await argon2id(Buffer.from(pin), vault!.salt, parseCost(vault!.kdf));
  const vaultKey = deriveKey(hmac(session, vault!.pepper, stretched), vault!.salt, 'kyso vault');
  try {
    return open(vaultKey, vault!.sealedPrivate, vaultFacts);
  } catch {
    return undefined;
  }
}

t.test('S3: the keys of the token themselves do not come out', async (t) => {
  const other = module.C_GenerateKey(handle, { mechanism: pkcs11.CKM_AES_KEY_GEN }, [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_AES },
    { type: pkcs11.CKA_VALUE_LEN, value: 32 },
    { type: pkcs11.CKA_WRAP, value: true },
  ]);
  for (const label of [tokenLabels.kek, tokenLabels.pepper, tokenLabels.rowMac, tokenLabels.seeds]) {
    const found = findKey(session, 'secret', label);
    t.throws(() => module.C_GetAttributeValue(handle, found, [{ type: pkcs11.CKA_VALUE }]), `${label}: read`);
    t.throws(
      () => module.C_WrapKey(handle, { mechanism: 0x210a }, other, found, Buffer.alloc(256)),
      `${label}: wrapped`,
    );
    t.throws(() => module.C_SetAttributeValue(handle, found, [{ type: pkcs11.CKA_EXTRACTABLE, value: true }]));
  }
});

t.test('S3: no key of a holder opens by what lies there', async (t) => {
  for (const wrapped of [key.sealedBlob, key.sealedBlob.subarray(12, -16), key.sealedBlob.subarray(12)])
    t.throws(() => readPrivateKey(wrapped), 'the blob is not what the KEK wrapped');

  const ended = authorizations.filter(({ sealedDek }) => sealedDek === null);
  t.equal(ended.length, 2, 'the sealed DEKs of SADs that were used up, or ended, are gone');
  const live = authorizations.find(({ sealedDek }) => sealedDek !== null)!;
  const secrets: Record<string, Buffer> = {
    'the SAD’s hash': Buffer.from(live.id),
    'its bytes': Buffer.from(live.id, 'base64url'),
    'the hash of the activation data': factors!.activationDigest ?? Buffer.of(),
    'the salt': vault!.salt,
    'the public key': vault!.publicKey,
    nothing: Buffer.alloc(0),
  };
  for (const label of [tokenLabels.pepper, tokenLabels.rowMac, tokenLabels.seeds]) {
    for (const [name, data] of Object.entries({ ...secrets, subscriber: Buffer.from(vault!.subscriber) }))
      if (data.length > 0) secrets[`${label} over ${name}`] = hmac(session, label, data);
  }
  for (const [name, secret] of Object.entries(secrets)) {
    const { id, subscriber, client, grant, credential, keyVersion } = live;
    const facts = { use: 'sad', authorization: id, subscriber, client, grant, credential, key: key.id, keyVersion };
    const opened = (work: () => unknown) => t.throws(work, name);
    opened(() => open(deriveKey(secret, Buffer.from(id), 'kyso SAD'), live.sealedDek!, facts));
    opened(() => open(deriveKey(secret, vault!.salt, 'kyso vault'), vault!.sealedPrivate, vaultFacts));
    opened(() => open(deriveKey(secret, Buffer.alloc(0), ''), key.sealedBlob, keyFacts('blob')));
    await t.rejects(
      openFrom(Buffer.concat([secret, Buffer.alloc(32)]).subarray(0, 32), key.sealedDek, keyFacts('dek')),
    );
  }
  const facts = { use: 'sad', authorization: live.id, subscriber: live.subscriber, client: live.client };
  const whole = { ...facts, grant: live.grant, credential: live.credential, key: key.id, keyVersion: live.keyVersion };
  const dek = open(deriveKey(Buffer.from(sad), Buffer.from(live.id), 'kyso SAD'), live.sealedDek!, whole);
  t.equal(dek.length, 32, 'with the SAD itself, which only the client has, it does: so the tries were real ones');
});

t.test('what does open: second factors add nothing here', async (t) => {
  const seedKey = hmac(session, tokenLabels.seeds, Buffer.from(`totp ${vault!.subscriber}`));
  const seed = open(seedKey, factors!.sealedTotp!, { use: 'totp', subscriber: vault!.subscriber }).toString();
  t.equal(seed, person.totpSecret, 'the seed of the authenticator app: the server can compute its codes, too');
  const mailed = codes.find(({ credential }) => credential === byMail.credentialID)!;
  const of = ['kyso one-time code', byMail.subscriber, byMail.credentialID, mailed.grant, code];
  t.same(
    hmac(session, tokenLabels.seeds, Buffer.from(JSON.stringify(of))),
    mailed.codeMac,
    'six digits are soon tried',
  );
  t.same(await all(tables.notices), [], 'a message is here only until notify has it: no activation data is left');
});

t.test('S3, S46: what is left is guessing the PIN, at its price', async (t) => {
  const wrong = Array.from({ length: 4 }, () => `pin-${randomBytes(6).toString('hex')}`);
  await guess(wrong[0]!);
  const before = process.cpuUsage();
  for (const pin of wrong) t.equal(await guess(pin), undefined, 'a wrong one opens nothing');
  const { user, system } = process.cpuUsage(before);
  const price = (user + system) / 1000 / wrong.length;
  t.equal(vault!.kdf, 'argon2id m=65536 t=3 p=1');
  t.ok(price > 50, `${price} ms are no price`);

  const privateKey = await guess(person.pin);
  t.ok(privateKey, 'the right one opens the vault');
  const dek = await openFrom(privateKey!, key.sealedDek, keyFacts('dek'));
  const scalar = readPrivateKey(open(dek, key.sealedBlob, keyFacts('blob')));
  const jwk = {
    ...createPublicKey({ key: key.spki, format: 'der', type: 'spki' }).export({ format: 'jwk' }),
    d: scalar.toString('base64url'),
  };
  const signature = sign('sha256', hashes[0], createPrivateKey({ key: jwk, format: 'jwk' }));
  const holder = createPublicKey({ key: key.spki, format: 'der', type: 'spki' });
  t.ok(verify('sha256', hashes[0], holder, signature), 'and then the key signs without Kyso');

  const days = (guesses: number) => (guesses * price) / 2 / 86_400_000;
  const years = (guesses: number) => Math.round(days(guesses) / 365).toLocaleString('en');
  t.comment(`one guess costs ${price.toFixed(0)} ms of CPU and a call to the token; on average, on one core:`);
  t.comment(`  6 digits (which Kyso refuses): ${days(1e6).toFixed(1)} days`);
  t.comment(`  8 digits: ${days(1e8).toFixed(0)} days; 8 small letters and digits at random: ${years(36 ** 8)} years`);
});
