import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { KysoError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import { createVerifier } from '../../src/crypto/verify.ts';
import { eq } from '../../src/store/drizzle.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import {
  cheapPin,
  newSigner,
  randomHashes,
  readLeaves,
  signerToken,
  type TestPerson,
  type TestSigner,
} from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

async function rowsOf({ store }: TestSigner, { subscriber, credentialID }: TestPerson) {
  const { keys, vaults } = store.read.t;
  const [key] = await store.read.db.select().from(keys).where(eq(keys.credential, credentialID));
  const [vault] = await store.read.db.select().from(vaults).where(eq(vaults.subscriber, subscriber));
  return { key: key!, vault: vault! };
}

const left = async (world: TestSigner) =>
  Object.fromEntries((await world.call('keys.rotation', {})).versions.map((each) => [each.label, each.left]));

t.test('S57: versions of KEK and pepper', async (t) => {
  const token = await signerToken(t);
  /** All rules share one token: a key of this label that an earlier one made does as well as a new one. */
  const made = new Set<string>();
  const withOwnKeys = (world: TestSigner): TestSigner => {
    world.token.createKey = async (key) => {
      if (!made.has(key.label)) await token.createKey(key);
      made.add(key.label);
      return {};
    };
    return world;
  };
  const setUp = async (t: Test, stores: Stores) => {
    const world = withOwnKeys(await newSigner(t, stores, token));
    return { world, person: await world.newPerson() };
  };
  const signs = async (t: Test, person: TestPerson, sad: string, hash: Buffer, what: string) => {
    const [signature] = await person.signHash(sad, [hash]);
    t.ok(createVerifier('EC-P256', person.spki)('SHA-256', hash, signature!), what);
  };

  await rulesOnBothEngines(t, {
    'both versions work; a holder’s next authorize moves vault and keys over, and SADs given before still sign': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const second = await person.newCredential();
      const other = await world.newPerson();
      const [hash] = randomHashes(1);
      const early = await person.authorize([hash!]);
      t.same(await world.call('keys.rotate', { key: 'kek' }), { label: 'kyso-kek-2' });
      t.same(await world.call('keys.rotate', { key: 'pepper' }), { label: 'kyso-pepper-2' });
      t.match(await left(world), { 'kyso-kek-1': 3, 'kyso-kek-2': 0, 'kyso-pepper-1': 2, 'kyso-pepper-2': 0 });

      const sad = await person.authorize([hash!]);
      for (const credential of [person, second]) {
        const { key, vault } = await rowsOf(world, credential);
        t.match([key.kek, vault.pepper], ['kyso-kek-2', 'kyso-pepper-2']);
      }
      await signs(t, person, early, hash!, 'a SAD from before');
      await signs(t, person, sad, hash!, 'the SAD of the move');
      await signs(t, second, await second.authorize([hash!]), hash!, 'a credential that moved along');
      const { version } = (await rowsOf(world, person)).vault;
      await person.authorize([hash!]);
      t.equal((await rowsOf(world, person)).vault.version, version, 'it moves once');
      t.match(await left(world), { 'kyso-kek-1': 1, 'kyso-kek-2': 2, 'kyso-pepper-1': 1, 'kyso-pepper-2': 1 });

      const made = await other.newCredential();
      t.equal((await rowsOf(world, made)).key.kek, 'kyso-kek-2', 'new keys are under the new one at once');
      await signs(t, other, await other.authorize([hash!]), hash!, 'the other one');
      await t.rejects(person.authorize([hash!], { pin: 'another pin' }), refused('pinInvalid'));
      const events = (await readLeaves(world.store)).map(({ event }) => event);
      const count = (name: string) => events.filter((event) => event === name).length;
      t.same(['key.rotated', 'key.rewrapped', 'vault.resealed'].map(count), [2, 3, 2]);
      t.same(world.troubles, []);
    },

    'an old version is given up when nothing is left under it, and is destroyed a minute later': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const never = await world.newPerson({ activate: false });
      const [hash] = randomHashes(1);
      const retire = (label: string) => world.call('keys.retire', { label });
      await t.rejects(retire('kyso-kek-1'), refused('requestInvalid'), 'the current one');
      await t.rejects(retire('kyso-kek-7'), refused('requestInvalid'), 'none of ours');
      await t.rejects(retire('kyso-row-mac'), refused('requestInvalid'), 'another key of the token');
      await world.call('keys.rotate', { key: 'kek' });
      await world.call('keys.rotate', { key: 'pepper' });
      await person.authorize([hash!]);
      for (const label of ['kyso-kek-1', 'kyso-pepper-1'])
        await t.rejects(retire(label), { ...refused('requestInvalid'), message: /^1 (keys|vaults) (are|is) left/ });
      t.match(await left(world), { 'kyso-kek-1': 1, 'kyso-pepper-1': 1 }, 'a refused one is still there');
      await never.enrol();
      await never.activate();
      await never.authorize([hash!]);

      const sad = await person.authorize([hash!]);
      const destroyed: string[] = [];
      world.token.destroyKey = async (label) => void destroyed.push(label);
      await retire('kyso-kek-1');
      await t.rejects(retire('kyso-kek-1'), refused('requestInvalid'), 'once');
      await retire('kyso-pepper-1');
      await upkeep(world.signer);
      t.same(destroyed, [], 'not at once: calls that read a row before may be under way');
      await world.advance(60_000);
      await upkeep(world.signer);
      await upkeep(world.signer);
      t.same(destroyed.sort(), ['kyso-kek-1', 'kyso-pepper-1']);
      t.same(await left(world), { 'kyso-kek-2': 2, 'kyso-pepper-2': 2 });
      await signs(t, person, sad, hash!, 'and signing goes on');
      await world.again();
      const events = (await readLeaves(world.store)).map(({ event }) => event);
      t.equal(events.filter((event) => event === 'key.destroyed').length, 2);
    },

    'vaults whose activation data is too late hold up no pepper': async (t, stores) => {
      const { world } = await setUp(t, stores);
      await world.newPerson({ activate: false });
      t.match(await left(world), { 'kyso-pepper-1': 2 });
      await world.advance(14 * 24 * 3_600_000);
      t.match(await left(world), { 'kyso-pepper-1': 1 });
    },

    'a move that fails never fails the authorize, is reported, and is made up for the next time': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      await world.call('keys.rotate', { key: 'kek' });
      const { rewrap } = world.token;
      world.token.rewrap = async () => {
        throw new KysoError('tokenUnavailable');
      };
      await signs(t, person, await person.authorize([hash!]), hash!, 'the token does not re-wrap');
      world.token.rewrap = rewrap;
      t.match(world.troubles, [refused('tokenUnavailable')]);
      t.equal((await rowsOf(world, person)).key.kek, 'kyso-kek-1');
      // Of an authorize: code claimed, PIN counted, SAD made, key moved.
      for (const fault of ['refused', 'rolledBack', 'answerLost'] as const) {
        world.store.failWrite(4, fault);
        await signs(t, person, await person.authorize([hash!]), hash!, `the store: ${fault}`);
      }
      t.equal(world.troubles.length, 4);
      await signs(t, person, await person.authorize([hash!]), hash!, 'moved');
      t.equal((await rowsOf(world, person)).key.kek, 'kyso-kek-2');
    },

    'S46: a vault that was sealed at a lower cost is sealed at today’s when its PIN comes, and never at a lower':
      async (t, stores) => {
        const { world, person } = await setUp(t, stores);
        const dear = await world.again({ pinCost: { ...cheapPin, memory: 16 } });
        const [hash] = randomHashes(1);
        const authorize = async (at: TestSigner) => {
          const otp = await person.nextCode();
          await at.push(at.ca.heartbeat());
          const params = { ...person.caller, credentialID: person.credentialID, numSignatures: 1, openSlots: false };
          const hashes = [hash!.toString('base64')];
          return (await at.call('credentials.authorize', { ...params, hashes, pin: person.pin, otp })).sad;
        };
        t.equal((await rowsOf(world, person)).vault.kdf, 'argon2id m=8 t=1 p=1');
        await authorize(dear);
        t.equal((await rowsOf(world, person)).vault.kdf, 'argon2id m=16 t=1 p=1');
        await signs(t, person, await authorize(dear), hash!, 'the PIN opens it');
        await authorize(world);
        t.equal((await rowsOf(world, person)).vault.kdf, 'argon2id m=16 t=1 p=1');
      },

    'a PIN is changed though its vault moves over at the same moment': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      await world.call('keys.rotate', { key: 'pepper' });
      let moved = false;
      const { hmac } = world.token;
      world.token.hmac = async (request) => {
        // The new PIN is sealed under the new pepper: just before that, an authorize moves the vault.
        if (request.label === 'kyso-pepper-2' && !moved) {
          moved = true;
          world.token.hmac = hmac;
          await person.authorize([hash!]);
        }
        return hmac(request);
      };
      const { subscriber, pin } = person;
      await world.call('account.changePin', { subscriber, pin, newPin: 'a new pin 2026', request: 'r' });
      t.ok(moved);
      await t.rejects(person.authorize([hash!]), refused('pinInvalid'));
      await signs(t, person, await person.authorize([hash!], { pin: 'a new pin 2026' }), hash!, 'the new PIN');
    },

    'a rotation that the token or a crash cuts off leaves a number unused, and the next one works': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const { createKey } = world.token;
      world.token.createKey = async () => {
        throw new KysoError('tokenUnavailable');
      };
      await t.rejects(world.call('keys.rotate', { key: 'kek' }), refused('tokenUnavailable'));
      world.token.createKey = createKey;
      world.store.failWrite(2, 'rolledBack');
      await t.rejects(world.call('keys.rotate', { key: 'kek' }), refused('unavailable'));
      t.same(Object.keys(await left(world)), ['kyso-kek-1', 'kyso-pepper-1']);
      const both = await Promise.all([
        world.call('keys.rotate', { key: 'kek' }),
        world.call('keys.rotate', { key: 'kek' }),
      ]);
      t.same(both.map(({ label }) => label).sort(), ['kyso-kek-4', 'kyso-kek-5'], 'two at a time are two');
      const [hash] = randomHashes(1);
      await signs(t, person, await person.authorize([hash!]), hash!, 'moved');
      t.equal((await rowsOf(world, person)).key.kek, 'kyso-kek-5', 'the newest counts');
    },

    'S57: rotation under load: every authorize and every signature goes through': async (t, stores) => {
      const { world } = await setUp(t, stores);
      const people: TestPerson[] = [];
      for (let n = 0; n < 10; n += 1) people.push(await world.newPerson());
      const hashes = randomHashes(people.length);
      await world.advance(30_000);
      const early = await Promise.all(
        people.map((person, n) => person.authorize([hashes[n]!], { otp: person.code() })),
      );
      await world.advance(30_000);
      const signAll = (sads: string[]) =>
        Promise.all(people.map((person, n) => signs(t, person, sads[n]!, hashes[n]!, `person ${n}`)));
      const authorizeAll = () =>
        Promise.all(people.map((person, n) => person.authorize([hashes[n]!], { otp: person.code() })));
      const rotations = async () => {
        await world.call('keys.rotate', { key: 'kek' });
        await world.call('keys.rotate', { key: 'pepper' });
      };
      const [during] = await Promise.all([authorizeAll(), rotations()]);
      await world.advance(30_000);
      const [after] = await Promise.all([authorizeAll(), signAll(early)]);
      await Promise.all([signAll(during), signAll(after)]);
      const counted = await left(world);
      t.same([counted['kyso-kek-2'], counted['kyso-pepper-2']], [10, 10], 'all have moved');
      t.same(world.troubles, []);
    },

    'several signers on one store: the others hear of it, and none uses what was given up': async (t, stores) => {
      if (stores.engine === 'sqlite') return void t.pass('one signer per SQLite store (design §2)');
      const { world, person } = await setUp(t, stores);
      const second = await world.again({ instance: 'signer-2' });
      await world.call('keys.rotate', { key: 'kek' });
      await person.authorize(randomHashes(1));
      world.token.destroyKey = async () => {};
      await world.call('keys.retire', { label: 'kyso-kek-1' });
      const key = {
        kind: 'makeKey',
        credentialID: newId(),
        subscriber: person.subscriber,
        keyType: 'EC-P256',
      } as const;
      const order = world.ca.order({ ...key, otp: 'totp', lineHash: randomBytes(32).toString('base64') });
      await t.rejects(second.push(order), refused('unavailable'), 'it does not know yet');
      await upkeep(second.signer);
      const { attestation } = await second.push(order);
      t.ok(attestation);
      const [row] = await world.store.read.db
        .select()
        .from(world.store.read.t.keys)
        .where(eq(world.store.read.t.keys.credential, key.credentialID));
      t.equal(row!.kek, 'kyso-kek-2');
    },
  });
});
