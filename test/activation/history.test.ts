import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { eq } from '../../src/store/drizzle.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { newSigner, randomHashes, signerToken, type TestPerson, type TestSigner } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

const historyOf = (world: TestSigner, { subscriber }: TestPerson, limit = 100, before?: string) =>
  world.call('account.history', { subscriber, limit, ...(before !== undefined && { before }) });
const namesOf = async (world: TestSigner, person: TestPerson) =>
  (await historyOf(world, person)).entries.map(({ event, result }) => `${event} ${result}`);

t.test("a holder's own history", async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };
  const freeze = (world: TestSigner, { subscriber }: TestPerson) =>
    world.call('account.freeze', { subscriber, request: 'r' });

  await rulesOnBothEngines(t, {
    'newest first, with what each event means to the holder': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const { credentialID } = person;
      const hashes = randomHashes(3);
      await world.advance(60_000);
      const sad = await person.authorize(hashes);
      await world.advance(1000);
      const signedAt = world.clock.now();
      await person.signHash(sad, hashes.slice(0, 2));
      await world.advance(1000);
      await freeze(world, person);
      await upkeep(world.signer);
      const { entries, before } = await historyOf(world, person);
      t.equal(before, undefined, 'that is all');
      const [frozen, sign, authorize] = entries;
      t.match(frozen, { event: 'account.frozen', result: 'done', at: signedAt + 1000, position: Number });
      t.match(sign, { event: 'sign', result: 'done', at: signedAt, credentialID, client: 'direct', signatures: 2 });
      t.match(authorize, { event: 'authorize', result: 'done', credentialID, client: 'direct', signatures: 3 });
      const rest = entries.slice(3).map(({ event, detail }) => [event, detail].join(' ').trim());
      // These happened in one millisecond of the test's clock, and have no order.
      t.match(rest.sort(), [
        'activation.begun',
        'activation.completed',
        /^certificate\.installed [0-9A-F]+$/,
        'key.made EC-P256',
        'subscriber.created',
      ]);
      t.equal(rest.length, 5);
    },

    'a signing is one entry, with how it ended': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const hashes = randomHashes(3);
      const sad = await person.authorize(hashes);
      await world.advance(10);
      world.token.before = (operation) => {
        if (operation === 'sign') throw new Error('broken');
      };
      await t.rejects(person.signHash(sad, hashes.slice(0, 1)));
      await world.advance(10);
      world.token.before = async (operation) => {
        if (operation === 'sign') t.equal((await namesOf(world, person))[0], 'sign intended', 'while it runs');
      };
      await person.signHash(sad, hashes.slice(1, 2));
      await world.advance(10);
      world.token.before = async (operation) => {
        if (operation === 'sign') await world.again();
      };
      await t.rejects(person.signHash(sad, hashes.slice(2)), refused('unavailable'));
      t.same((await namesOf(world, person)).slice(0, 3), ['sign unknown', 'sign done', 'sign failed']);
    },

    'an approval with open slots is told with all signatures that it allows': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await world.advance(60_000);
      await person.authorize(randomHashes(2), { numSignatures: 5, openSlots: true });
      const [entry] = (await historyOf(world, person)).entries;
      t.match(entry, { event: 'authorize', signatures: 5 });
    },

    'wrong factors are told one by one; the tallies of refusals, which are for the operator, are not': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      await world.advance(60_000);
      await t.rejects(person.authorize(randomHashes(1), { pin: 'not the right one' }), refused('pinInvalid'));
      await world.advance(10);
      await t.rejects(person.authorize(randomHashes(1), { otp: '12345a' }), refused('otpInvalid'));
      await t.rejects(person.signHash('A'.repeat(43), randomHashes(1)), refused('sadInvalid'));
      await upkeep(world.signer);
      const { entries } = await historyOf(world, person);
      t.match(entries.slice(0, 3), [
        { event: 'factor.otp', result: 'refused', detail: 'otpInvalid' },
        { event: 'factor.pin', result: 'refused', detail: 'pinInvalid' },
        { event: 'activation.completed', result: 'done' },
      ]);
    },

    'S19: nobody sees an entry of another person': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      await freeze(world, other);
      t.notOk((await namesOf(world, person)).includes('account.frozen done'));
      t.same((await historyOf(world, { ...person, subscriber: 'nobody' })).entries, []);
    },

    'S19: a leaf that was put under another subscriber in the store is noticed, and not shown': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      const { logLeaves } = world.store.read.t;
      await world.store.write((tx) =>
        tx.db
          .update(logLeaves)
          .set({ subscriber: person.subscriber })
          .where(eq(logLeaves.subscriber, other.subscriber)),
      );
      await t.rejects(historyOf(world, person), refused('integrity'));
    },

    'pages join without gap or overlap, whatever stands between': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      for (let n = 0; n < 6; n += 1) {
        await t.rejects(person.authorize(randomHashes(1), { otp: '12345a' }));
        await world.advance(6 * 60_000);
        await upkeep(world.signer);
      }
      const { entries: all } = await historyOf(world, person);
      for (const limit of [1, 3, all.length - 1, all.length]) {
        const joined = [];
        let before: string | undefined;
        let pages = 0;
        do {
          const page = await historyOf(world, person, limit, before);
          joined.push(...page.entries);
          t.ok(page.entries.length <= limit);
          before = page.before;
          pages += 1;
        } while (before !== undefined && pages < 30);
        t.same(joined, all, `${limit} a page`);
      }
    },

    'a call reads no more than a thousand leaves, and says where to go on': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const { entries } = await historyOf(world, person);
      const { subscriber } = person;
      const at = world.clock.now() + 1000;
      // Beyond what refusals in one second can make: 1500 leaves that mean nothing to the holder.
      const leaf = JSON.stringify({ event: 'authorize', result: 'refused', subscriber, at, detail: { count: 1 } });
      const rows = Array.from({ length: 1500 }, () => ({
        ...{ id: at.toString(16).padStart(12, '0') + randomBytes(10).toString('hex'), position: null },
        ...{ leafHash: Buffer.alloc(32), leaf, subscriber },
      }));
      await world.store.write(async (tx) => {
        for (let from = 0; from < rows.length; from += 300)
          await tx.db.insert(tx.t.logLeaves).values(rows.slice(from, from + 300));
      });
      const first = await historyOf(world, person);
      t.same(first.entries, []);
      t.type(first.before, 'string');
      t.same(await historyOf(world, person, 100, first.before), { entries });
    },
  });
});
