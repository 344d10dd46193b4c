import t, { type Test } from 'tap';
import { beginEpoch } from '../../src/activation/begin-epoch.ts';
import { upkeep } from '../../src/activation/upkeep.ts';
import { KysoError } from '../../src/base/errors.ts';
import { base64 } from '../helpers/ledger.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import {
  newSigner,
  randomHashes,
  readLeaves,
  signerToken,
  type TestPerson,
  type TestSigner,
} from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

const idempotencyKey = 'order 4711/a';
const ecdsaWithSha384 = '1.2.840.10045.4.3.3';

/** What the store knows of the keys that were used. */
const keysOf = ({ store }: TestSigner) => store.read.db.select().from(store.read.t.idempotencyKeys);

/** How the log says that signings ended, and how many were begun. */
async function loggedOf({ store }: TestSigner) {
  const leaves = (await readLeaves(store)).filter(({ event, signing }) => event === 'sign' && signing);
  return leaves.map(({ result }) => result).sort();
}

t.test('S70: the Idempotency-Key of signHash', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores, count = 1) => {
    const world = await newSigner(t, stores, token);
    const person = await world.newPerson();
    const hashes = randomHashes(count);
    return { world, person, hashes, sad: await person.authorize(hashes) };
  };
  const ask = (world: TestSigner, person: TestPerson, sad: string, hashes: Buffer[], changes: object = {}) => {
    const { caller, credentialID } = person;
    const asked = { ...caller, sad, credentialID, signAlgo: '1.2.840.10045.4.3.2', hashes: base64(hashes) };
    return world.call('signatures.signHash', { ...asked, idempotencyKey, ...changes });
  };

  await rulesOnBothEngines(t, {
    'S70: the same request again gets the same answer, and nothing more is spent or signed': async (t, stores) => {
      const { world, person, hashes, sad } = await setUp(t, stores, 3);
      const [first, second] = hashes;
      const answer = await ask(world, person, sad, [second!, first!]);
      const logged = await loggedOf(world);
      for (const changes of [{}, { grant: 'a-new-login', request: 'request-2' }])
        t.same(await ask(world, person, sad, [second!, first!], changes), answer);
      t.same(world.token.signed.length, 1);
      t.same(await loggedOf(world), logged);
      await person.signHash(sad, [hashes[2]!]);
      t.same(await ask(world, person, sad, [second!, first!]), answer, 'also of a SAD that is spent');
      world.token.status = () => ({ ready: false, workers: 0 });
      t.same(await ask(world, person, sad, [second!, first!]), answer, 'it needs no token');
    },

    'S70: 50 at once with one key sign once; each gets that answer, or 409': async (t, stores) => {
      const { world, person, hashes, sad } = await setUp(t, stores, 60);
      const sameKey = () => ask(world, person, sad, [hashes[0]!]);
      const results = await Promise.allSettled(Array.from({ length: 50 }, sameKey));
      t.equal(world.token.signed.length, 1);
      const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const kinds = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.kind] : []));
      t.ok(answers.length >= 1);
      t.same(new Set([...kinds, 'requestRunning']), new Set(['requestRunning']));
      const again = await sameKey();
      for (const answer of answers) t.same(answer, again);

      const keys = await Promise.allSettled(
        hashes.slice(1).map((hash) => ask(world, person, sad, [hash], { idempotencyKey: 'another' })),
      );
      t.equal(keys.filter(({ status }) => status === 'fulfilled').length, 1, 'one key, 59 bodies');
      const refusals = keys.flatMap((result) => (result.status === 'rejected' ? [result.reason.kind] : []));
      t.same(new Set(refusals), new Set(['idempotencyKeyReused']));
      t.equal(world.token.signed.length, 2, 'and the others have spent nothing');
      for (const hash of hashes.slice(1)) await person.signHash(sad, [hash]).catch(() => {});
      t.equal(world.token.signed.length, 60);
    },

    'S70: while the first is on its way the second gets 409, and later its answer': async (t, stores) => {
      const { world, person, hashes, sad } = await setUp(t, stores);
      const { promise: going, resolve: go } = Promise.withResolvers<void>();
      const { promise: signing, resolve: asked } = Promise.withResolvers<void>();
      world.token.before = () => {
        asked();
        return going;
      };
      const first = ask(world, person, sad, hashes);
      await signing;
      await t.rejects(ask(world, person, sad, hashes), refused('requestRunning'));
      go();
      t.same(await ask(world, person, sad, hashes).catch(() => first), await first);
      t.same(await ask(world, person, sad, hashes), await first);
      t.equal(world.token.signed.length, 1);
    },

    'S70: a key with any other body is refused, whether or not that body could be signed': async (t, stores) => {
      const { world, person, hashes, sad } = await setUp(t, stores, 2);
      const [hash, other] = hashes;
      const answer = await ask(world, person, sad, [hash!]);
      const sadOfOthers = await person.authorize(randomHashes(1));
      const second = await person.newCredential();
      for (const [changes, digests] of [
        [{}, [other!]],
        [{}, [hash!, hash!]],
        [{ sad: sadOfOthers }, [hash!]],
        [{ sad: 'never-issued' }, [hash!]],
        [{ credentialID: second.credentialID }, [hash!]],
        [{ signAlgo: ecdsaWithSha384 }, [hash!]],
        [{ hashAlgo: '2.16.840.1.101.3.4.2.1' }, [hash!]],
        [{ signAlgoParams: 'MAA=' }, [hash!]],
      ] as const)
        await t.rejects(ask(world, person, sad, [...digests], changes), refused('idempotencyKeyReused'));
      t.same(await ask(world, person, sad, [hash!]), answer);
      t.equal(world.token.signed.length, 1);
    },

    'S70, S19: a key means nothing to another client and for another subscriber': async (t, stores) => {
      const { world, person, hashes, sad } = await setUp(t, stores);
      await ask(world, person, sad, hashes);
      const stranger = await world.newPerson();
      const { credentialID } = stranger;
      await t.rejects(ask(world, person, sad, hashes, { client: 'another' }), refused('sadInvalid'));
      await t.rejects(ask(world, stranger, sad, hashes), refused('sadInvalid'), 'the same body');
      const own = await stranger.authorize(hashes);
      const signed = await ask(world, stranger, own, hashes, { credentialID });
      t.equal(signed.signatures.length, 1, 'and theirs is free');
      t.equal((await keysOf(world)).length, 2);
    },

    'S70: what was refused before the spend leaves the key free': async (t, stores) => {
      const { world, person, hashes, sad } = await setUp(t, stores);
      const { status } = world.token;
      world.token.status = () => ({ ready: false, workers: 0 });
      await t.rejects(ask(world, person, sad, hashes), refused('tokenUnavailable'));
      world.token.status = status;
      await t.rejects(ask(world, person, sad, randomHashes(1)), refused('hashNotAuthorized'));
      for (const fault of ['refused', 'rolledBack'] as const) {
        world.store.failWrite(1, fault);
        await t.rejects(ask(world, person, sad, hashes), refused('unavailable'));
      }
      t.same(await keysOf(world), []);
      t.equal((await ask(world, person, sad, hashes)).signatures.length, 1);
    },

    'S70: after a failure behind the spend each retry gets the same refusal': async (t, stores) => {
      const { world, person, hashes, sad } = await setUp(t, stores);
      world.token.before = () => {
        throw new KysoError('tokenUnavailable');
      };
      await t.rejects(ask(world, person, sad, hashes), refused('tokenUnavailable'));
      world.token.before = () => {};
      for (let tries = 0; tries < 2; tries++) await t.rejects(ask(world, person, sad, hashes), refused('sadInvalid'));
      t.equal(world.token.signed.length, 1);
    },

    'S70: a crash between the result and the answer: the answer comes again, before and after the restart': async (
      t,
      stores,
    ) => {
      const { world, person, hashes, sad } = await setUp(t, stores);
      world.store.failWrite(2, 'answerLost');
      await t.rejects(ask(world, person, sad, hashes), refused('unavailable'));
      const answer = await ask(world, person, sad, hashes);
      t.equal(answer.signatures.length, 1);
      const next = await world.again();
      t.same(await ask(next, person, sad, hashes), answer);
      t.equal(world.token.signed.length + next.token.signed.length, 1);
    },

    'S70: a crash before the result is recorded: one fixed refusal, before and after the restart': async (
      t,
      stores,
    ) => {
      for (const [nth, fault] of [
        [1, 'answerLost'],
        [2, 'refused'],
        [2, 'rolledBack'],
      ] as const) {
        const { world, person, hashes, sad } = await setUp(t, stores);
        world.store.failWrite(nth, fault);
        await t.rejects(ask(world, person, sad, hashes), refused('unavailable'), fault);
        await t.rejects(ask(world, person, sad, hashes), refused('sadInvalid'), 'nobody is busy with it');
        const next = await world.again();
        await t.rejects(ask(next, person, sad, hashes), refused('sadInvalid'));
        t.same(await loggedOf(world), ['intended', 'unknown']);
        t.equal(next.token.signed.length, 0);
      }
    },

    'S70: an answer is kept until ten minutes after its SAD has expired, and then the key is free': async (
      t,
      stores,
    ) => {
      const { world, person, hashes, sad } = await setUp(t, stores);
      const answer = await ask(world, person, sad, hashes);
      await world.advance(300_000 + 600_000);
      await upkeep(world.signer);
      t.same(await ask(world, person, sad, hashes), answer);
      await world.advance(1);
      await upkeep(world.signer);
      t.same(await keysOf(world), []);
      await t.rejects(ask(world, person, sad, hashes), refused('sadInvalid'));
      const fresh = await person.authorize(hashes);
      t.equal((await ask(world, person, fresh, hashes)).signatures.length, 1, 'with another body');
    },

    'S69, S70: a new epoch keeps no answer of the one before': async (t, stores) => {
      const { world, person, hashes, sad } = await setUp(t, stores);
      await ask(world, person, sad, hashes);
      await beginEpoch({ store: world.store, token, clock: world.clock, why: 'test' });
      t.same(await keysOf(world), []);
      const next = await world.again();
      await t.rejects(ask(next, person, sad, hashes), refused('sadInvalid'));
    },

    'S70: an answer that somebody wrote into the store is not given': async (t, stores) => {
      const { world, person, hashes, sad } = await setUp(t, stores);
      await ask(world, person, sad, hashes);
      await world.store.write((tx) => tx.db.update(tx.t.idempotencyKeys).set({ answer: '["AAAA"]' }));
      await t.rejects(ask(world, person, sad, hashes), refused('integrity'));
    },

    'S4: neither the key nor the SAD stands in the row': async (t, stores) => {
      const { world, person, hashes, sad } = await setUp(t, stores);
      await ask(world, person, sad, hashes);
      const text = JSON.stringify(await keysOf(world));
      for (const secret of [sad, idempotencyKey]) t.notOk(text.includes(secret));
    },
  });
});

t.test('S70: several signers on one PostgreSQL store', async (t) => {
  const token = await signerToken(t);
  await rulesOnBothEngines(t, {
    'S70: one key at two signers signs once, and neither calls the other one dead': async (t, stores) => {
      if (stores.engine === 'sqlite') return void t.pass('one signer per SQLite store (design §2)');
      const world = await newSigner(t, stores, token);
      const second = await world.again({ instance: 'signer-2' });
      const person = await world.newPerson();
      const hashes = randomHashes(1);
      const sad = await person.authorize(hashes);
      await second.push(world.ca.heartbeat());
      const { caller, credentialID } = person;
      const asked = { ...caller, sad, credentialID, signAlgo: '1.2.840.10045.4.3.2', hashes: base64(hashes) };
      const call = (signer: TestSigner) => signer.call('signatures.signHash', { ...asked, idempotencyKey });
      const results = await Promise.allSettled(
        Array.from({ length: 40 }, (_, n) => call(n % 2 === 0 ? world : second)),
      );
      const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const kinds = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.kind] : []));
      t.same(new Set([...kinds, 'requestRunning']), new Set(['requestRunning']));
      t.equal(world.token.signed.length + second.token.signed.length, 1);
      for (const signer of [world, second]) t.same(await call(signer), answers[0]);
    },
  });
});
