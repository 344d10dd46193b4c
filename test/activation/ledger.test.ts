import { randomInt } from 'node:crypto';
import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { KysoError } from '../../src/base/errors.ts';
import { createVerifier } from '../../src/crypto/verify.ts';
import { authorizationOf, base64, beyond, hashesIn } from '../helpers/ledger.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { newSigner, randomHashes, signerToken, type TestPerson, type TestSigner } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

const ecdsaWithSha384 = '1.2.840.10045.4.3.3';

/** What of the state a refused request must leave as it was. */
async function ledgerOf({ store }: TestSigner) {
  const { authorizations, signings } = store.read.t;
  const [a, s] = await Promise.all([
    store.read.db.select().from(authorizations),
    store.read.db.select().from(signings),
  ]);
  return { a: a.map(({ remaining, spent }) => ({ remaining, spent })), s: s.length };
}

const isGood = (person: TestPerson, hash: Buffer, signature: Buffer) =>
  createVerifier('EC-P256', person.spki)('SHA-256', hash, signature);

t.test('the authorization ledger', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };

  await rulesOnBothEngines(t, {
    'S6: with any one binding of the SAD changed, nothing is signed and nothing spent': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      const second = await person.newCredential();
      const [hash, another] = randomHashes(2);
      const sad = await person.authorize([hash!]);
      const before = await ledgerOf(world);
      const try_ = (changes: Parameters<TestPerson['signHash']>[2], hashes = [hash!]) =>
        person.signHash(sad, hashes, changes);

      await t.rejects(try_({ subscriber: other.subscriber }), refused('sadInvalid'), 'subscriber');
      const { subscriber, credentialID } = other;
      await t.rejects(try_({ subscriber, credentialID }), refused('sadInvalid'), 'subscriber and their credential');
      await t.rejects(try_({ client: 'another' }), refused('sadInvalid'), 'client');
      await t.rejects(try_({ grant: 'another' }), refused('sadInvalid'), 'grant');
      await t.rejects(try_({ credentialID: second.credentialID }), refused('sadInvalid'), 'credential');
      await t.rejects(try_({ credentialID: 'unknown' }), refused('credentialUnknown'), 'no credential');
      await t.rejects(try_({}, [another!]), refused('hashNotAuthorized'), 'S9: hash');
      await t.rejects(try_({}, [hash!, hash!]), refused('sadInvalid'), 'one hash more');
      await t.rejects(try_({ signAlgo: ecdsaWithSha384 }), refused('digestLength'), 'digest algorithm');
      await t.rejects(try_({ signAlgo: ecdsaWithSha384 }, randomHashes(1, 48)), refused('hashNotAuthorized'));
      await t.rejects(try_({ signAlgo: '1.2.840.113549.1.1.11' }), refused('signAlgoInvalid'), 'key type');

      t.same(await ledgerOf(world), before, 'nothing spent');
      t.same(world.token.signed, [], 'the token was not asked');
      const [signature] = await person.signHash(sad, [hash!]);
      t.ok(isGood(person, hash!, signature!), 'unchanged, it signs');
    },

    'S6: a SAD of another epoch, as after a restored backup, is void': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      world.signer.epoch = 'another-epoch';
      await t.rejects(person.signHash(sad, [hash!]), refused('sadInvalid'));
      t.same(world.token.signed, []);
    },

    'S7: 100 parallel uses of one SAD for one hash make exactly one signature': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const results = await Promise.allSettled(Array.from({ length: 100 }, () => person.signHash(sad, [hash!])));
      t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      const kinds = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.kind] : []));
      t.same(new Set(kinds), new Set(['sadInvalid']));
      t.same(world.token.signed, [[hash!.toString('hex')]]);
    },

    'S9: from random multisets, spent in parallel parts, exactly the authorized multiset is signed': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      for (let round = 0; round < 4; round += 1) {
        const distinct = randomHashes(randomInt(1, 6));
        const pick = (count: number) => Array.from({ length: count }, () => distinct[randomInt(distinct.length)]!);
        const authorized = [...distinct, ...pick(randomInt(8))];
        const sad = await person.authorize(authorized);
        const from = world.token.signed.length;
        const tries = Array.from({ length: 30 }, () => pick(randomInt(1, 5)));
        const results = await Promise.allSettled(tries.map((hashes) => person.signHash(sad, hashes)));
        results.forEach((result, n) => {
          if (result.status === 'rejected') return;
          const good = result.value.every((signature, index) => isGood(person, tries[n]![index]!, signature));
          t.ok(good && result.value.length === tries[n]!.length, 'in the order of the request');
        });
        const signed = () => world.token.signed.slice(from).flat();
        t.same(beyond(authorized, signed()), [], 'never one more');
        for (const hash of authorized) await person.signHash(sad, [hash]).catch(() => {});
        t.same(signed().sort(), authorized.map((hash) => hash.toString('hex')).sort(), 'and each one once');
        await t.rejects(person.signHash(sad, [authorized[0]!]), refused('sadInvalid'));
      }
    },

    'S9: a hash that was authorized twice signs twice, in one request or in two': async (t, stores) => {
      const { person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const both = await person.authorize([hash!, hash!]);
      t.equal((await person.signHash(both, [hash!, hash!])).length, 2);
      const each = await person.authorize([hash!, hash!]);
      await person.signHash(each, [hash!]);
      await person.signHash(each, [hash!]);
      for (const sad of [both, each]) await t.rejects(person.signHash(sad, [hash!]), refused('sadInvalid'));
    },

    'S9: a hash that was signed is not signed again while others are left': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [first, second] = randomHashes(2);
      const sad = await person.authorize([first!, second!]);
      await person.signHash(sad, [first!]);
      await t.rejects(person.signHash(sad, [first!]), refused('hashNotAuthorized'));
      await person.signHash(sad, [second!]);
      t.equal(world.token.signed.length, 2);
    },

    'S8: a SAD is good until its expiry and not at it; its DEK is wiped, and later it is forgotten': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const hashes = randomHashes(2);
      const sad = await person.authorize(hashes);
      await world.advance(299_999);
      await person.signHash(sad, [hashes[0]!]);
      await upkeep(world.signer);
      t.ok((await authorizationOf(world, sad))!.sealedDek, 'still alive');
      await world.advance(1);
      await t.rejects(person.signHash(sad, [hashes[1]!]), refused('sadExpired'));
      await world.advance(1);
      await upkeep(world.signer);
      t.equal((await authorizationOf(world, sad))!.sealedDek, null);
      await world.advance(9 * 60_000);
      await upkeep(world.signer);
      await t.rejects(person.signHash(sad, [hashes[1]!]), refused('sadExpired'), 'a late client is told so');
      await world.advance(2 * 60_000);
      await upkeep(world.signer);
      t.same(await ledgerOf(world), { a: [], s: 1 });
      t.same(await hashesIn(world), [], 'and its hashes with it');
      await t.rejects(person.signHash(sad, [hashes[1]!]), refused('sadInvalid'));
      t.equal(world.token.signed.length, 1);
    },

    'S8: the expiry is asked again at the spend itself': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      world.store.beforeWrite(async () => world.clock.advance(300_000));
      await t.rejects(person.signHash(sad, [hash!]), refused('sadExpired'));
      t.same(world.token.signed, []);
    },

    'S10: a block between authorize and sign refuses, and lifting it lets the same SAD sign': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const { credentialID } = person;
      const block = (blocked: boolean) => world.obey({ kind: 'block', credentialID, blocked, reason: 'test' });
      await block(true);
      await t.rejects(person.signHash(sad, [hash!]), refused('credentialDisabled'));
      await t.rejects(person.authorize([hash!]), refused('credentialDisabled'));
      const before = await ledgerOf(world);
      await block(false);
      t.same(
        before.a.map(({ remaining }) => remaining),
        [1],
        'nothing was spent',
      );
      t.same(world.token.signed, []);
      await world.push(world.ca.heartbeat());
      await person.signHash(sad, [hash!]);
    },

    'S10: a certificate that ends between authorize and sign refuses': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const person = await world.newPerson({ notAfter: Math.ceil(world.clock.now() / 1000) * 1000 + 120_000 });
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      await world.advance(120_000);
      await t.rejects(person.signHash(sad, [hash!]), refused('certificateExpired'));
      await t.rejects(person.authorize([hash!]), refused('certificateExpired'));
      t.same(
        (await ledgerOf(world)).a.map(({ remaining }) => remaining),
        [1],
      );
      t.same(world.token.signed, []);
    },

    'S10: an account that is not active any more does not sign': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const { rows } = world.signer;
      await world.store.write(async (tx) => {
        const row = await rows.subscribers.lock(tx, { id: person.subscriber });
        await rows.subscribers.replace(tx, row!, { status: 'suspended' });
      });
      await t.rejects(person.signHash(sad, [hash!]), refused('credentialDisabled'));
      await t.rejects(person.authorize([hash!]), refused('credentialDisabled'));
      t.same(world.token.signed, []);
    },

    'S7: the last spend deletes the sealed DEK': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const hashes = randomHashes(2);
      const sad = await person.authorize(hashes);
      await person.signHash(sad, [hashes[1]!]);
      t.ok((await authorizationOf(world, sad))!.sealedDek, 'one is left');
      await person.signHash(sad, [hashes[0]!]);
      t.equal((await authorizationOf(world, sad))!.sealedDek, null);
    },

    'design §4: as many hashes as signatures, all of one length that names an algorithm': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      await t.rejects(person.authorize([hash!], { numSignatures: 2 }), refused('numSignaturesInvalid'));
      for (const length of [1, 20, 31, 33, 63])
        await t.rejects(person.authorize(randomHashes(1, length)), refused('digestLength'));
      const hashes = base64([hash!, ...randomHashes(1, 48)]);
      await t.rejects(person.authorize([], { hashes, numSignatures: 2 }), refused('digestLength'), 'mixed');
      const { factors } = world.store.read.t;
      const [{ lastStep } = { lastStep: 0 }] = await world.store.read.db.select().from(factors);
      t.ok(lastStep < Math.floor(world.clock.now() / 30_000), 'no code was used up');
    },

    'S59: when the token fails after the spend nothing leaves, and the authorization stays spent': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      world.token.before = () => {
        throw new KysoError('integrity');
      };
      await t.rejects(person.signHash(sad, [hash!]), refused('integrity'));
      world.token.before = () => {};
      await t.rejects(person.signHash(sad, [hash!]), refused('sadInvalid'));
      const { signings } = world.store.read.t;
      t.same(
        (await world.store.read.db.select().from(signings)).map(({ outcome }) => outcome),
        ['failed'],
      );
    },
  });
});

t.test('S7: several signers on one PostgreSQL store spend one SAD once', async (t) => {
  const token = await signerToken(t);
  await rulesOnBothEngines(t, {
    'two instances, 100 parallel uses': async (t, stores) => {
      if (stores.engine === 'sqlite') return void t.pass('one signer per SQLite store (design §2)');
      const world = await newSigner(t, stores, token);
      const second = await world.again({ instance: 'signer-2' });
      const person = await world.newPerson();
      await second.push(world.ca.heartbeat());
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const params = { ...person.caller, sad, credentialID: person.credentialID, signAlgo: '1.2.840.10045.4.3.2' };
      const results = await Promise.allSettled(
        Array.from({ length: 100 }, (_, n) =>
          (n % 2 === 0 ? world : second).call('signatures.signHash', { ...params, hashes: base64([hash!]) }),
        ),
      );
      t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      t.equal(world.token.signed.length + second.token.signed.length, 1);
    },
  });
});
