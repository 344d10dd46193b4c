import type { Database } from 'better-sqlite3';
import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { KysoError } from '../../src/base/errors.ts';
import { connectPostgresql } from '../../src/store/open-postgresql.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { newSigner, randomHashes, readLeaves, signerToken, type TestSigner } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

/** The signings and what the log says of them, oldest first. */
async function signingsOf({ store }: TestSigner) {
  const rows = await store.read.db.select().from(store.read.t.signings);
  const leaves = (await readLeaves(store)).filter(({ event, signing }) => event === 'sign' && signing);
  return {
    outcomes: rows.map(({ outcome }) => outcome).sort(),
    results: leaves.map(({ result }) => result).sort(),
  };
}

t.test('what is durable before what', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    const person = await world.newPerson();
    const [hash] = randomHashes(1);
    return { world, person, hash: hash!, sad: await person.authorize([hash!]) };
  };

  await rulesOnBothEngines(t, {
    'S61: when the intent cannot be written the token is not asked, and nothing is spent': async (t, stores) => {
      const { world, person, hash, sad } = await setUp(t, stores);
      for (const fault of ['refused', 'rolledBack'] as const) {
        world.store.failWrite(1, fault);
        await t.rejects(person.signHash(sad, [hash]), refused('unavailable'));
      }
      t.same(world.token.signed, []);
      t.same(await signingsOf(world), { outcomes: [], results: [] });
      t.equal((await person.signHash(sad, [hash])).length, 1, 'nothing was spent');
    },

    'S59: when it is unknown whether the intent was written the token is not asked, and it stays spent': async (
      t,
      stores,
    ) => {
      const { world, person, hash, sad } = await setUp(t, stores);
      world.store.failWrite(1, 'answerLost');
      await t.rejects(person.signHash(sad, [hash]), refused('unavailable'));
      t.same(world.token.signed, []);
      await t.rejects(person.signHash(sad, [hash]), refused('sadInvalid'));
      await world.again();
      t.same(await signingsOf(world), { outcomes: ['unknown'], results: ['intended', 'unknown'] });
    },

    'S61: when the result cannot be written no signature leaves, and the retry gets one fixed error': async (
      t,
      stores,
    ) => {
      for (const fault of ['refused', 'rolledBack', 'answerLost'] as const) {
        const { world, person, hash, sad } = await setUp(t, stores);
        world.store.failWrite(2, fault);
        await t.rejects(person.signHash(sad, [hash]), refused('unavailable'), fault);
        t.equal(world.token.signed.length, 1, 'it was made');
        await t.rejects(person.signHash(sad, [hash]), refused('sadInvalid'));
        t.equal(world.token.signed.length, 1);
        await world.again();
        const expected =
          fault === 'answerLost'
            ? { outcomes: ['released'], results: ['done', 'intended'] }
            : { outcomes: ['unknown'], results: ['intended', 'unknown'] };
        t.same(await signingsOf(world), expected);
      }
    },

    'S59: the intent is durable when the token is asked, and the result is not yet': async (t, stores) => {
      const { world, person, hash, sad } = await setUp(t, stores);
      let seen: unknown;
      world.token.before = async (operation) => {
        if (operation === 'sign') seen = await signingsOf(world);
      };
      await person.signHash(sad, [hash]);
      t.same(seen, { outcomes: ['pending'], results: ['intended'] });
      t.same(await signingsOf(world), { outcomes: ['released'], results: ['done', 'intended'] });
    },

    'S59: a token that fails after the spend leaves a failed signing, and the hash stays spent': async (t, stores) => {
      const { world, person, hash, sad } = await setUp(t, stores);
      world.token.before = () => {
        throw new KysoError('tokenUnavailable');
      };
      await t.rejects(person.signHash(sad, [hash]), refused('tokenUnavailable'));
      world.token.before = () => {};
      t.same(await signingsOf(world), { outcomes: ['failed'], results: ['failed', 'intended'] });
      await t.rejects(person.signHash(sad, [hash]), refused('sadInvalid'));
    },

    'S59: a token that is known to be away costs nothing': async (t, stores) => {
      const { world, person, hash, sad } = await setUp(t, stores);
      const { status } = world.token;
      world.token.status = () => ({ ready: false, workers: 0 });
      await t.rejects(person.signHash(sad, [hash]), refused('tokenUnavailable'));
      world.token.status = status;
      t.equal((await person.signHash(sad, [hash])).length, 1);
    },

    'S59: the start turns a pending signing into unknown with a leaf, and what was swept is not released': async (
      t,
      stores,
    ) => {
      const { world, person, hash, sad } = await setUp(t, stores);
      world.token.before = async (operation) => {
        if (operation === 'sign') await world.again();
      };
      await t.rejects(person.signHash(sad, [hash]), refused('unavailable'));
      t.equal(world.token.signed.length, 1, 'though the token had signed');
      t.same(await signingsOf(world), { outcomes: ['unknown'], results: ['intended', 'unknown'] });
      await world.again();
      t.same(await signingsOf(world), { outcomes: ['unknown'], results: ['intended', 'unknown'] }, 'once');
    },

    'S59: a start sweeps its own instance only': async (t, stores) => {
      const { world, person, hash, sad } = await setUp(t, stores);
      world.token.before = async (operation) => {
        if (operation === 'sign') await world.again({ instance: 'signer-2' });
      };
      t.equal((await person.signHash(sad, [hash])).length, 1);
    },

    'S59: a signing whose result was not recorded ends as unknown by itself, once it cannot be running any more':
      async (t, stores) => {
        const { world, person, hash, sad } = await setUp(t, stores);
        const pending = { outcomes: ['pending'], results: ['intended'] };
        world.store.failWrite(2, 'rolledBack');
        await t.rejects(person.signHash(sad, [hash]), refused('unavailable'));
        await upkeep(world.signer);
        t.same(await signingsOf(world), pending, 'not before');
        await world.advance(3 * 60_000);
        const other = await world.again({ instance: 'signer-2' });
        await upkeep(other.signer);
        t.same(await signingsOf(world), pending, 'nor by another instance, which cannot know');
        await upkeep(world.signer);
        await upkeep(world.signer);
        t.same(await signingsOf(world), { outcomes: ['unknown'], results: ['intended', 'unknown'] });
      },

    'S67: after a failed write the store goes on': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      for (const nth of [1, 2, 3, 4]) {
        const otp = await person.nextCode();
        world.store.failWrite(nth, 'rolledBack');
        await person.authorize(randomHashes(1), { otp }).catch(() => {});
      }
      await upkeep(world.signer).catch(() => {});
      const [hash] = randomHashes(1);
      t.equal((await person.signHash(await person.authorize([hash!]), [hash!])).length, 1);
    },

    'S61: authorize answers no SAD when its commit fails, and a code that was claimed stays claimed': async (
      t,
      stores,
    ) => {
      const { world, person, hash } = await setUp(t, stores);
      const otp = await person.nextCode();
      world.store.failWrite(3, 'rolledBack');
      await t.rejects(person.authorize([hash], { otp }), refused('unavailable'));
      await t.rejects(person.authorize([hash], { otp }), refused('otpInvalid'));
      await person.authorize([hash]);
    },

    'S61: on a full disk nothing is signed and nothing spent, reads go on, and with room again it signs': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      // So many that their entry does not fit into pages that are already there.
      const hashes = randomHashes(300);
      const sad = await person.authorize(hashes);
      const makeRoom = await fillDisk(world);
      await t.rejects(person.signHash(sad, hashes), refused('unavailable'));
      const { credentialIDs } = await world.call('credentials.list', { subscriber: person.subscriber, limit: 100 });
      t.same(credentialIDs, [person.credentialID]);
      t.same(world.token.signed, []);
      await makeRoom();
      t.equal((await person.signHash(sad, hashes)).length, 300);
    },
  });
});

/** Leaves the signer's store no room for log entries, by the engine's own means; the answered function ends it. */
async function fillDisk({ location, store }: TestSigner): Promise<() => Promise<void>> {
  if (location.engine === 'sqlite') {
    const writer = await store.write(async (tx) => (tx.db as unknown as { $client: Database }).$client);
    const limit = (pages: number) => writer.pragma(`max_page_count = ${pages}`);
    limit(writer.pragma('page_count', { simple: true }) as number);
    return async () => void limit(1_000_000);
  }
  const pool = connectPostgresql(location.url, 1);
  const text = `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$`;
  await pool.query(text);
  await pool.query('CREATE TRIGGER full_disk BEFORE INSERT ON signer.log_leaves EXECUTE FUNCTION full_disk()');
  return async () => {
    await pool.query('DROP TRIGGER full_disk ON signer.log_leaves');
    await pool.end();
  };
}
