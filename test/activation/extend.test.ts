import t, { type Test } from 'tap';
import { eq } from '../../src/store/drizzle.ts';
import type { SignerTx } from '../../src/store/signer/tables.ts';
import { authorizationOf, beyond, hashesIn } from '../helpers/ledger.ts';
import { outcomes } from '../helpers/outcomes.ts';
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

const openSlots = true;
const hex = (hashes: Buffer[]) => hashes.map((hash) => hash.toString('hex'));

/** How an authorization stands, by its row and its hashes, both with their MACs checked by whoever uses them. */
async function stateOf({ store, signer }: TestSigner, sad: string) {
  const { id } = (await authorizationOf({ store }, sad))!;
  const row = await signer.rows.authorizations.find(store.read, { id });
  const unspent = (await hashesIn({ store })).filter(({ authorization, spent }) => authorization === id && !spent);
  return { row: row!, unspent: unspent.map(({ digest }) => digest) };
}

t.test('credentials/extendTransaction', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };
  const tried = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      () => undefined,
    );
  const extended = (call: Promise<string>) => call.catch(() => undefined);
  const signed = (world: TestSigner) => world.token.signed.flat();

  await rulesOnBothEngines(t, {
    'CSC §2: the new SAD takes the place of the old one, with every hash that is not spent': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const hashes = randomHashes(3);
      const first = await person.authorize(hashes);
      await person.signHash(first, [hashes[0]!]);
      const before = await stateOf(world, first);
      const second = await person.extend(first, [hashes[2]!]);
      t.match(second, /^[\w-]{43}$/);

      const old = await stateOf(world, first);
      t.match(old.row, { remaining: 0, open: 0, sealedDek: null, total: 3 });
      const { row, unspent } = await stateOf(world, second);
      const { subscriber, client, grant, credential, key, keyVersion, digest, origin, capAt, epoch } = before.row;
      t.match(row, { subscriber, client, grant, credential, key, keyVersion, digest, origin, capAt, epoch });
      t.match(row, { total: 3, remaining: 2, open: 0 });
      t.same(unspent, hashes.slice(1), 'naming one of two leaves both');
      t.notOk(row.sealedDek!.equals(before.row.sealedDek!));

      await t.rejects(person.signHash(first, [hashes[1]!]), refused('sadInvalid'), 'the old one is over');
      await t.rejects(person.extend(first), refused('sadInvalid'));
      await t.rejects(person.signHash(second, [hashes[0]!]), refused('hashNotAuthorized'), 'spent stays spent');
      await person.signHash(second, hashes.slice(1));
      await t.rejects(person.extend(second), refused('sadInvalid'), 'nothing is left');
      t.same(signed(world).sort(), hex(hashes).sort());

      const leaf = (await readLeaves(world.store)).find(({ event }) => event === 'extend');
      const detail = { before: old.row.id, origin, remaining: 2, open: 0 };
      t.match(leaf, { result: 'done', actor: 'direct', authorization: row.id, hashes: [], algorithm: digest, detail });
    },

    'S6: with any one binding changed nothing is extended, and nothing happens to the SAD': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      const second = await person.newCredential();
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const before = await stateOf(world, sad);
      const try_ = (changes: Parameters<TestPerson['extend']>[2]) => person.extend(sad, [hash!], changes);
      const { subscriber, credentialID } = other;
      await t.rejects(try_({ subscriber }), refused('sadInvalid'));
      await t.rejects(try_({ subscriber, credentialID }), refused('sadInvalid'));
      await t.rejects(try_({ client: 'another' }), refused('sadInvalid'));
      await t.rejects(try_({ grant: 'another' }), refused('sadInvalid'));
      await t.rejects(try_({ credentialID: second.credentialID }), refused('sadInvalid'));
      await t.rejects(try_({ credentialID: 'unknown' }), refused('credentialUnknown'));
      await t.rejects(try_({ sad: 'A'.repeat(43) }), refused('sadInvalid'));
      world.signer.epoch = 'another-epoch';
      await t.rejects(try_({}), refused('sadInvalid'), 'epoch');
      world.signer.epoch = before.row.epoch;
      t.same(await stateOf(world, sad), before);
      await person.signHash(sad, [hash!]);
    },

    'S6: the bindings and what is left are asked again in the UPDATE itself': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const meanwhile: [string, (sad: string, hash: Buffer) => Promise<unknown>][] = [
        ['spent', (sad, hash) => person.signHash(sad, [hash])],
        ['extended', (sad) => person.extend(sad)],
        ['expired', async () => world.clock.advance(300_000)],
        ['another epoch', async () => Object.assign(world.signer, { epoch: 'another-epoch' })],
      ];
      for (const [name, happens] of meanwhile) {
        const [hash] = randomHashes(1);
        const sad = await person.authorize([hash!]);
        world.store.beforeWrite(() => happens(sad, hash!));
        await t.rejects(person.extend(sad), refused('sadInvalid'), name);
      }
    },

    'S8: each extension lives 300 s, the last one until an hour after authorize, and none any longer': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      let sad = await person.authorize([hash!]);
      const begun = world.clock.now();
      const extend = async () => {
        const params = { ...person.caller, credentialID: person.credentialID, sad, hashes: [] };
        const { expiresIn, ...answer } = await world.call('credentials.extendTransaction', params);
        sad = answer.sad;
        t.equal((await stateOf(world, sad)).row.capAt, begun + 3_600_000);
        return expiresIn;
      };
      for (let n = 1; n <= 11; n += 1) {
        await world.advance(290_000);
        t.equal(await extend(), 300);
      }
      await world.advance(290_500);
      const left = begun + 3_600_000 - world.clock.now();
      t.equal(await extend(), 119, 'the last one is shorter, in whole seconds');
      t.equal((await stateOf(world, sad)).row.expiresAt, begun + 3_600_000);
      await world.advance(left - 999);
      await t.rejects(extend(), refused('sadExpired'), 'less than a second would be left');
      await world.advance(998);
      const alive = await stateOf(world, sad);
      await world.advance(1);
      await t.rejects(extend(), refused('sadExpired'));
      await t.rejects(person.signHash(sad, [hash!]), refused('sadExpired'));
      t.same(await stateOf(world, sad), alive);
      t.same(world.token.signed, []);
    },

    'S8: what has expired is not extended': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const sad = await person.authorize(randomHashes(1));
      await world.advance(300_000);
      await t.rejects(person.extend(sad), refused('sadExpired'));
    },

    'S9: without open slots a hash that was not authorized is refused, with a good one beside it, too': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const [hash, alien] = randomHashes(2);
      const sad = await person.authorize([hash!, hash!]);
      const before = await stateOf(world, sad);
      for (const hashes of [[alien!], [hash!, alien!], [hash!, hash!, hash!]])
        await t.rejects(person.extend(sad, hashes), refused('hashNotAuthorized'));
      for (const length of [48, 64, 31])
        await t.rejects(person.extend(sad, randomHashes(1, length)), refused('digestLength'));
      t.same(await stateOf(world, sad), before, 'nothing happened');
      await person.signHash(await person.extend(sad, [hash!, hash!]), [hash!, hash!]);
    },

    'design §4: open slots are for clients that have them, and never more hashes than signatures': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const hashes = randomHashes(2);
      const refusal = refused('numSignaturesInvalid');
      await t.rejects(person.authorize(hashes, { numSignatures: 3 }), refusal);
      await t.rejects(person.authorize(hashes, { numSignatures: 1 }), refusal);
      await t.rejects(person.authorize(hashes, { numSignatures: 1, openSlots }), refusal);
      const sad = await person.authorize(hashes, { numSignatures: 5, openSlots });
      const { row, unspent } = await stateOf(world, sad);
      t.match(row, { total: 5, remaining: 5, open: 3 });
      t.same(unspent, hashes);
      t.match(await stateOf(world, await person.authorize(hashes, { openSlots })), { row: { total: 2, open: 0 } });
    },

    'design §4: an extension fills open slots, up to the total and no further': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [first, second, third, fourth, fifth] = randomHashes(5);
      const one = await person.authorize([first!], { numSignatures: 4, openSlots });
      await person.signHash(one, [first!]);
      await t.rejects(person.signHash(one, [second!]), refused('hashNotAuthorized'), 'an open slot signs nothing');
      const two = await person.extend(one, [second!, second!]);
      t.match((await stateOf(world, two)).row, { total: 4, remaining: 3, open: 1 });
      await t.rejects(person.extend(two, [third!, fourth!]), refused('hashNotAuthorized'), 'two for one slot');
      await t.rejects(person.extend(two, [first!, third!]), refused('hashNotAuthorized'), 'what is spent needs a slot');
      await t.rejects(person.extend(two, randomHashes(1, 48)), refused('digestLength'));
      const three = await person.extend(two, [second!, third!]);
      t.match((await stateOf(world, three)).row, { total: 4, remaining: 3, open: 0 });
      await t.rejects(person.extend(three, [fifth!]), refused('hashNotAuthorized'), 'none is open');
      await person.signHash(three, [second!, third!]);
      await person.signHash(await person.extend(three), [second!]);
      t.same(signed(world).sort(), hex([first!, second!, second!, third!]).sort());
      const filled = (await readLeaves(world.store)).filter(({ event }) => event === 'extend');
      t.same(
        new Set(filled.map(({ hashes }) => hashes)),
        new Set([hex([second!, second!]), hex([third!]), []]),
        'the log has what was filled',
      );
    },

    'S7: of 50 parallel extensions of one SAD exactly one gets a new one': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const hashes = randomHashes(2);
      const sad = await person.authorize(hashes, { numSignatures: 3, openSlots });
      const fills = randomHashes(50);
      t.same(await outcomes(fills.map((fill) => person.extend(sad, [fill]))), { done: 1, sadInvalid: 49 });
      const all = await world.store.read.db.select().from(world.store.read.t.authorizations);
      const left = all.reduce((sum, { remaining }) => sum + remaining, 0);
      t.same([all.length, left], [2, 3]);
    },

    'S7: extensions that race with spends never let more be signed than was authorized': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      for (let round = 0; round < 3; round += 1) {
        const from = world.token.signed.length;
        const bound = randomHashes(4);
        const [fill] = randomHashes(1);
        let sads = [await person.authorize(bound, { numSignatures: 5, openSlots })];
        for (let step = 0; step < 4; step += 1) {
          const calls = sads.flatMap((sad) => [
            ...[1, 2, 3, 4].map(() => extended(person.extend(sad, [fill!]))),
            ...[...bound, fill!].map((hash) => tried(person.signHash(sad, [hash]))),
            ...[1, 2, 3, 4].map(() => extended(person.extend(sad))),
          ]);
          const fresh = (await Promise.all(calls)).filter((sad) => sad !== undefined);
          t.ok(fresh.length <= 1, 'one extension at most');
          sads = [...sads, ...fresh];
        }
        for (const sad of sads)
          for (const hash of [...bound, fill!]) await person.signHash(sad, [hash]).catch(() => {});
        t.same(beyond([...bound, fill!], world.token.signed.slice(from).flat()), []);
        t.equal(world.token.signed.slice(from).flat().length, 5, 'and in the end each one, once');
      }
    },

    'S10: what may not sign is not extended, and what is not current, neither': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const { credentialID } = person;
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const block = (blocked: boolean) => world.obey({ kind: 'block', credentialID, blocked, reason: 'test' });
      await block(true);
      await t.rejects(person.extend(sad), refused('credentialDisabled'));
      await block(false);
      world.store.beforeWrite(() => block(true));
      await t.rejects(person.extend(sad), refused('credentialDisabled'), 'a block in between');
      await block(false);
      world.clock.advance(10_001);
      await t.rejects(person.extend(sad), refused('feedStale'));
      await world.push(world.ca.heartbeat());
      await person.signHash(await person.extend(sad), [hash!]);
    },

    'S61: an extension whose commit fails leaves the old SAD; one whose fate is unknown leaves none': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      for (const fault of ['refused', 'rolledBack'] as const) {
        world.store.failWrite(1, fault);
        await t.rejects(person.extend(sad), refused('unavailable'));
      }
      const next = await person.extend(sad);
      world.store.failWrite(1, 'answerLost');
      await t.rejects(person.extend(next), refused('unavailable'));
      await t.rejects(person.signHash(next, [hash!]), refused('sadInvalid'));
      t.same(signed(world), []);
    },

    'design §7: slots or hashes that somebody added in the store are noticed': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash, alien] = randomHashes(2);
      const tamper = async (change: (tx: SignerTx, id: string) => Promise<unknown>) => {
        const sad = await person.authorize([hash!], { numSignatures: 2, openSlots });
        const { row } = await stateOf(world, sad);
        await world.store.write((tx) => change(tx, row.id));
        await t.rejects(person.extend(sad, [alien!]), refused('integrity'));
      };
      await tamper((tx, id) =>
        tx.db.update(tx.t.authorizations).set({ open: 2 }).where(eq(tx.t.authorizations.id, id)),
      );
      await tamper((tx, id) =>
        tx.db.update(tx.t.authorizations).set({ capAt: 9e15 }).where(eq(tx.t.authorizations.id, id)),
      );
      await tamper((tx, id) => {
        const { authorizedHashes: h } = tx.t;
        return tx.db
          .update(h)
          .set({ digests: Buffer.concat([hash!, alien!]) })
          .where(eq(h.authorization, id));
      });
    },
  });
});
