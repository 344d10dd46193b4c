import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import t, { type Test } from 'tap';
import { tokenLabels } from '../../src/activation/context.ts';
import { newId } from '../../src/base/ids.ts';
import { type KeyTypeName, keyTypes } from '../../src/crypto/algorithms.ts';
import type { Token } from '../../src/hsm/pool.ts';
import { eq } from '../../src/store/drizzle.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { makeShim } from '../helpers/shim.ts';
import { newSigner, readLeaves, type TestPerson, type TestSigner } from '../helpers/signer.ts';
import { nss, softHsm } from '../helpers/tokens.ts';
import { makeSignerToken, openTestToken } from '../helpers/watched-token.ts';

const everyType = Object.keys(keyTypes) as KeyTypeName[];
const cannotWrap = ['hide 0x210a', 'hide 0x210b'];

/** Activation, PIN and codes, authorize, signHash; the judge is node:crypto, with the certificate's key. */
async function signsOnce(t: Test, person: TestPerson, keyType: KeyTypeName): Promise<void> {
  const documents = [randomBytes(50), randomBytes(50)];
  const hashes = documents.map((document) => createHash('sha256').update(document).digest());
  const sad = await person.authorize(hashes);
  const signatures = await person.signHash(sad, hashes);
  const key = createPublicKey({ key: person.spki, format: 'der', type: 'spki' });
  const good = documents.filter((document, index) => verify('sha256', document, key, signatures[index]!));
  t.equal(good.length, 2, keyType);
  await t.rejects(person.signHash(sad, hashes), refused('sadInvalid'), 'and once only');
}

async function livesWithEveryKey(t: Test, world: TestSigner): Promise<void> {
  const person = await world.newPerson({ keyType: everyType[0]! });
  await signsOnce(t, person, everyType[0]!);
  for (const keyType of everyType.slice(1)) await signsOnce(t, await person.newCredential({ keyType }), keyType);
}

/** ca's order to make a key, which it sends again until it is obeyed. */
const keyOrder = ({ ca }: TestSigner, { subscriber }: TestPerson) =>
  ca.order({
    ...{ kind: 'makeKey', credentialID: newId(), subscriber, keyType: 'EC-P256', otp: 'totp' },
    lineHash: randomBytes(32).toString('base64'),
  });

t.test('tokens other than the embedded one', async (t) => {
  const onNss = await openTestToken(t, await makeSignerToken(t, nss));
  const made = await makeSignerToken(t, softHsm);
  const shim = makeShim(t);
  shim.control(...cannotWrap);
  const able = await openTestToken(t, made);
  const keeping = await openTestToken(t, made, { module: shim.module, workers: 1 });
  const names = async () => (await keeping.residentKeys({})).sort();

  await rulesOnBothEngines(t, {
    'NSS: one life of a signer, with keys of each type': async (t, stores) => {
      const world = await newSigner(t, stores, onNss);
      await livesWithEveryKey(t, world);
      const keys = await world.store.read.db.select().from(world.store.read.t.keys);
      t.same(new Set(keys.map(({ mechanism }) => mechanism)), new Set(['CKM_AES_KEY_WRAP_KWP']));
    },

    'a token that cannot wrap: one life of a signer, with keys of each type that stay in it': async (t, stores) => {
      const world = await newSigner(t, stores, keeping);
      const before = await names();
      await livesWithEveryKey(t, world);
      const keys = await world.store.read.db.select().from(world.store.read.t.keys);
      t.same(new Set(keys.map(({ mechanism }) => mechanism)), new Set(['resident']));
      const own = keys.map(({ id }) => id).sort();
      t.same(
        (await names()).filter((name) => !before.includes(name)),
        own,
        'each is known by its key',
      );
      for (const name of own) await keeping.destroyResident({ name });
    },

    'a key in the token whose order was never committed is destroyed at the next start': async (t, stores) => {
      const world = await newSigner(t, stores, keeping);
      const person = await world.newPerson();
      const before = await names();
      const order = keyOrder(world, person);
      await crashBeforeCommit(world, () => world.push(order));
      t.equal((await names()).length, before.length + 1, 'the orphan');
      const next = await world.again();
      t.same(await names(), before);
      t.same(next.troubles, []);
      await world.push(order);
      await signsOnce(t, person, 'EC-P256');
      for (const name of await names()) await keeping.destroyResident({ name });
    },

    'and at the latest when the next key is made; one that was committed is left alone': async (t, stores) => {
      const world = await newSigner(t, stores, keeping);
      const person = await world.newPerson();
      const before = await names();
      const order = keyOrder(world, person);
      for (let round = 0; round < 3; round++) await crashBeforeCommit(world, () => world.push(order));
      t.equal((await names()).length, before.length + 1, 'one orphan, not three');
      await world.push(order);
      const after = await names();
      t.equal(after.length, before.length + 1);
      t.ok(before.every((name) => after.includes(name)));
      await signsOnce(t, person, 'EC-P256');
      for (const name of after) await keeping.destroyResident({ name });
    },

    'S56: a module that lost its mechanism: named with what mends it, its keys refused, before a code is used up':
      async (t, stores) => {
        const world = await newSigner(t, stores, able);
        const person = await world.newPerson();
        const hash = randomBytes(32);
        const sad = await person.authorize([hash]);

        const later = await world.again({ token: keeping });
        t.match(String(later.troubles[0]), /EC-P256 keys wrapped by CKM_AES_KEY_WRAP_PAD.*kyso hsm probe/s);
        t.match(await later.call('status', {}), {
          ready: false,
          lost: ['EC-P256 keys wrapped by CKM_AES_KEY_WRAP_PAD'],
        });
        const otp = await person.nextCode();
        const authorization = {
          ...{ ...person.caller, credentialID: person.credentialID, numSignatures: 1, pin: person.pin, otp },
          ...{ hashes: [hash.toString('base64')], openSlots: false },
        };
        await later.push(later.ca.heartbeat());
        await t.rejects(later.call('credentials.authorize', authorization), refused('keyUnusable'));
        await t.rejects(
          later.call('signatures.signHash', {
            ...{ ...person.caller, sad, credentialID: person.credentialID, hashes: [hash.toString('base64')] },
            signAlgo: '1.2.840.10045.4.3.2',
          }),
          refused('keyUnusable'),
          'a SAD of before',
        );
        t.same(later.token.signed.length, 1, 'that was asked of the token, and refused there');
        const order = keyOrder(later, person);
        await t.rejects(later.push(order), refused('keyUnusable'), 'nor does it begin to keep keys');
        t.same(await names(), []);

        const mended = await world.again({ token: able });
        t.same(mended.troubles, []);
        t.ok((await mended.push(order)).attestation, 'and the key is made');
        await mended.push(mended.ca.heartbeat());
        t.notMatch(await mended.call('status', {}), { lost: /./ });
        t.ok((await mended.call('credentials.authorize', authorization)).sad, 'the code was not used up');
        const leaves = await readLeaves(mended.store);
        t.match(
          leaves.filter(({ event, result }) => event === 'sign' && result === 'failed'),
          [{ detail: { kind: 'keyUnusable' } }],
        );
      },

    'S56: a type of key that the token no longer makes is lost, too': async (t, stores) => {
      const world = await newSigner(t, stores, able);
      const person = await world.newPerson({ keyType: 'EC-P521' });
      const without = withoutType(able, 'EC-P521');
      const later = await world.again({ token: without });
      t.match(String(later.troubles[0]), /EC-P521 keys wrapped by/);
      const params = { subscriber: person.subscriber, credentialID: person.credentialID };
      t.equal((await later.call('credentials.info', params)).keyStatus, 'disabled');
      t.match((await (await world.again()).call('credentials.info', params)).keyStatus, 'enabled');
    },
  });

  await t.test('a token that is not this store’s', async (t) => {
    const other = await openTestToken(t, await makeSignerToken(t, nss));
    const empty = await openTestToken(t, await softHsm.makeToken(t, [{ label: 'x', kind: 'EC-P256' }], 'kyso-signer'));
    await rulesOnBothEngines(t, {
      'is named with what mends it, and the signer does not start': async (t, stores) => {
        const world = await newSigner(t, stores, able);
        const start = (token: Token) => world.again({ token });
        const named = (what: RegExp) => ({ ...refused('configuration'), message: what });
        await t.rejects(start(other), named(/not the token of this store: its attestation key.*kyso hsm probe/s));
        await t.rejects(start(empty), named(/it has no attestation key/));
        const { rowMac } = tokenLabels;
        const hmac: Token['hmac'] = (request) => (request.label === rowMac ? other : able).hmac(request);
        await t.rejects(start({ ...able, hmac }), named(/its key for row MACs is another one/));
        const none: Token['hmac'] = (request) =>
          able.hmac(request.label === rowMac ? { ...request, label: 'no' } : request);
        await t.rejects(start({ ...able, hmac: none }), named(/it has no key for row MACs/));
        t.ok((await start(able)).signer, 'its own is taken');
      },

      'is told from one row that somebody changed': async (t, stores) => {
        const world = await newSigner(t, stores, able);
        const { settings } = world.store.read.t;
        await world.store.write((tx) =>
          tx.db.update(settings).set({ value: 'another' }).where(eq(settings.name, 'feedPlace')),
        );
        await t.rejects(world.again(), refused('integrity'));
      },
    });
  });
});

/** The store fails from the key's making on: its order is not committed, as in a crash. */
async function crashBeforeCommit(world: TestSigner, order: () => Promise<unknown>): Promise<void> {
  const { generateKeyPair } = world.token;
  const { write } = world.store;
  world.token.generateKeyPair = async (request) => {
    const made = await generateKeyPair(request);
    world.store.write = () => Promise.reject(new Error('lost power'));
    return made;
  };
  await order().then(
    () => Promise.reject(new Error('the order was committed')),
    () => {},
  );
  Object.assign(world.store, { write });
  Object.assign(world.token, { generateKeyPair });
}

/** The token, as a module would leave it that lost a curve. */
function withoutType(token: Token, lost: KeyTypeName): Token {
  return {
    ...token,
    opens: (keyType, mechanism) => keyType !== lost && token.opens(keyType, mechanism),
    signAlgos: (keyType) => (keyType === lost ? [] : token.signAlgos(keyType)),
  };
}
