import pg from 'pg';
import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { storeFailure } from '../../src/store/failure.ts';
import { openStore } from '../../src/store/open-store.ts';
import { signerDomain } from '../../src/store/signer/tables.ts';
import { startPostgresql } from '../helpers/postgresql.ts';
import { refused } from '../helpers/refused.ts';
import { newSigner, randomHashes, readLeaves, signerToken } from '../helpers/signer.ts';

type Query = (this: pg.Client, ...parameters: unknown[]) => unknown;
type Cut = 'before it is sent' | 'before its answer';

/**
 * Cuts the connection at one of the queries that this process sends to PostgreSQL from now on: before it is sent, or
 * when the server has done it and its answer is on the way. `met` tells whether there was such a query.
 */
function cutAt(t: Test, chosen: (text: string, count: number) => boolean, moment: Cut) {
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const { query } = prototype;
  let [count, met] = [0, false];
  prototype.query = function (...parameters) {
    const [what] = parameters as [string | { text?: string } | undefined];
    const text = typeof what === 'string' ? what : (what?.text ?? '');
    count += 1;
    if (!chosen(text, count)) return query.apply(this, parameters);
    met = true;
    const { stream } = (this as unknown as { connection: { stream: import('node:net').Socket } }).connection;
    if (moment === 'before it is sent') stream.destroy();
    else {
      stream.pause();
      setTimeout(() => stream.destroy(), 60);
    }
    return query.apply(this, parameters);
  };
  const end = () => {
    prototype.query = query;
  };
  t.teardown(end);
  return { met: () => met, end };
}

t.test('connections to PostgreSQL are cut', async (t) => {
  const cluster = await startPostgresql();
  t.teardown(() => cluster.stop());

  await t.test('S68: one that is lost at BEGIN does not stay out of the pool', async (t) => {
    const store = await openStore(signerDomain, { engine: 'postgresql', url: await cluster.url() });
    t.teardown(() => store.close());
    const read = () => store.write((tx) => tx.db.select().from(tx.t.settings));
    for (let n = 0; n < 12; n += 1) {
      const cut = cutAt(t, (text) => /^begin/i.test(text), 'before it is sent');
      await t.rejects(read(), refused('unavailable'));
      cut.end();
    }
    t.same(await read(), [], 'after more of them than the pool has');
  });

  await t.test('S67: what PostgreSQL rolled back at COMMIT is not taken for recorded', async (t) => {
    const store = await openStore(signerDomain, { engine: 'postgresql', url: await cluster.url() });
    t.teardown(() => store.close());
    const row = { name: 'a', value: 'x', version: 1, mac: Buffer.alloc(32) };
    const swallowed = store.write(async (tx) => {
      await tx.db.insert(tx.t.settings).values(row);
      await tx.db
        .insert(tx.t.settings)
        .values(row)
        .catch(() => {});
    });
    await t.rejects(swallowed, refused('unavailable'));
  });

  await t.test('S67, S68: at every query of a signHash the outcome is known or safely unknown', async (t) => {
    const token = await signerToken(t);
    const world = await newSigner(
      t,
      { location: async () => ({ engine: 'postgresql', url: await cluster.url() }) },
      token,
    );
    const person = await world.newPerson();
    let answered = 0;
    for (const moment of ['before it is sent', 'before its answer'] as const) {
      let met = true;
      for (let nth = 1; met; nth += 1) {
        const hashes = randomHashes(2);
        const sad = await person.authorize(hashes);
        const cut = cutAt(t, (_, count) => count === nth, moment);
        const first = await person.signHash(sad, hashes).catch((error: unknown) => storeFailure(error));
        cut.end();
        met = cut.met();
        // The retry says whether it was spent, and shows that no restart is needed.
        const second = await person.signHash(sad, hashes).catch((error: { kind: string }) => error.kind);
        const signatures = [first, second].filter(Array.isArray).length;
        if (!Array.isArray(first)) t.match(first, refused('unavailable'), `query ${nth}, ${moment}`);
        if (!Array.isArray(second)) t.equal(second, 'sadInvalid');
        t.ok(signatures <= 1, 'never twice');
        answered += signatures;
        if (!met) t.ok(Array.isArray(first), `a signHash has ${nth - 1} queries`);
      }
    }
    await world.advance(3 * 60_000);
    await upkeep(world.signer);
    const outcomes = (await world.store.read.db.select().from(world.store.read.t.signings)).map(
      ({ outcome }) => outcome,
    );
    t.notOk(outcomes.includes('pending'), 'what was cut off ends as unknown without a restart');
    t.ok(outcomes.includes('unknown'));
    t.ok(outcomes.filter((outcome) => outcome === 'released').length >= answered, 'every answer is recorded');
    const leaves = await readLeaves(world.store);
    const intended = new Set(
      leaves.filter(({ result }) => result === 'intended').flatMap(({ hashes }) => hashes as string[]),
    );
    t.same(
      world.token.signed.flat().filter((digest) => !intended.has(digest)),
      [],
      'the token signed nothing without an intent',
    );
    t.equal(new Set(world.token.signed.flat()).size, world.token.signed.flat().length, 'and nothing twice');
  });
});
