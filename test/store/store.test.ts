import pg from 'pg';
import t from 'tap';
import { makeLeaf } from '../../src/audit/leaf.ts';
import { KysoError } from '../../src/base/errors.ts';
import { asc, eq } from '../../src/store/drizzle.ts';
import { isConflict } from '../../src/store/failure.ts';
import { appendLeaves, openLog, sequenceLeaves } from '../../src/store/log.ts';
import { openStore } from '../../src/store/open-store.ts';
import { signerDomain } from '../../src/store/signer/tables.ts';
import { startPostgresql } from '../helpers/postgresql.ts';
import { refused } from '../helpers/refused.ts';
import { onBothEngines } from '../helpers/stores.ts';

const leaf = (n: number) =>
  makeLeaf(
    { event: 'test', actor: 'signer', result: 'done', detail: { n } },
    { at: 1_000 + n, monotonic: n, epoch: 'e' },
  );

t.test('one query text on both engines', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const store = await stores.open(signerDomain);
    const { settings } = store.read.t;
    const row = (name: string, value: string) => ({ name, value, version: 1, mac: Buffer.from([0, 255]) });

    await store.write((tx) => tx.db.insert(settings).values(row('a', '1')));
    const [found] = await store.read.db.select().from(settings).where(eq(settings.name, 'a'));
    t.same(found, row('a', '1'), `${stores.engine}: a row comes back as it was, bytes as Buffer`);

    await t.rejects(
      store.write(async (tx) => {
        await tx.db.insert(settings).values(row('b', '2'));
        throw new KysoError('requestInvalid');
      }),
      new KysoError('requestInvalid'),
      'the thrown error comes out',
    );
    t.equal((await store.read.db.select().from(settings).where(eq(settings.name, 'b'))).length, 0, 'and nothing stays');

    const results = await Promise.allSettled(
      ['c', 'a', 'd'].map((name) => store.write((tx) => tx.db.insert(settings).values(row(name, '3')))),
    );
    t.same(
      results.map((result) => result.status),
      ['fulfilled', 'rejected', 'fulfilled'],
      'one job of a shared commit fails alone',
    );
    const { reason } = results[1] as PromiseRejectedResult;
    t.ok(isConflict(reason), 'and says that it was a conflict');
    t.notMatch(reason.message, /params|insert into/i, 'S26: without the query and what it would have written');

    await store.write((tx) => tx.db.insert(settings).values(row('counter', '0')));
    const increment = () =>
      store.write(async (tx) => {
        const [before] = await tx.db
          .update(settings)
          .set({ version: 1 })
          .where(eq(settings.name, 'counter'))
          .returning();
        await tx.db
          .update(settings)
          .set({ value: String(Number(before!.value) + 1) })
          .where(eq(settings.name, 'counter'));
      });
    await Promise.all(Array.from({ length: 100 }, increment));
    const [counter] = await store.read.db.select().from(settings).where(eq(settings.name, 'counter'));
    t.equal(counter!.value, '100', '100 parallel transactions that lock by an UPDATE lose nothing');
  });
});

t.test('S65, S68: a PostgreSQL that went away says unavailable, and the next write finds it again', async (t) => {
  const cluster = await startPostgresql();
  t.teardown(() => cluster.stop());
  const url = await cluster.url();
  const store = await openStore(signerDomain, { engine: 'postgresql', url });
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  t.teardown(async () => {
    await store.close();
    await admin.end();
  });
  const put = (name: string) =>
    store.write((tx) =>
      tx.db.insert(tx.t.settings).values({ name, value: 'secret', version: 1, mac: Buffer.alloc(1) }),
    );
  const cut = store.write(async (tx) => {
    await tx.db.select().from(tx.t.settings);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
    await tx.db.insert(tx.t.settings).values({ name: 'cut', value: 'secret', version: 1, mac: Buffer.alloc(1) });
  });
  const error = await cut.then(
    () => undefined,
    (reason: Error) => reason,
  );
  t.match(error, refused('unavailable'));
  for (let shown: unknown = error; shown instanceof Error; shown = shown.cause) t.notMatch(shown.message, 'secret');
  await put('after');
  t.same(
    (await store.read.db.select().from(store.read.t.settings)).map((row) => row.name),
    ['after'],
  );
});

t.test('S60: log positions are gap-free on both engines', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const store = await stores.open(signerDomain);
    await store.write(openLog);
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => store.write((tx) => appendLeaves(tx, [leaf(2 * n), leaf(2 * n + 1)]))),
    );
    if (stores.engine === 'postgresql') {
      const placed = await Promise.all([sequenceLeaves(store, 60), sequenceLeaves(store, 60)]);
      t.equal(placed[0] + placed[1], 100, 'two sequencers at once place each leaf once');
    }
    const rows = await store.read.db
      .select()
      .from(store.read.t.logLeaves)
      .orderBy(asc(store.read.t.logLeaves.position));
    t.same(
      rows.map((row) => row.position),
      Array.from({ length: 100 }, (_, n) => n),
    );
  });
});

t.test('S60: a leaf that commits late gets the next position, whatever its id, and leaves no gap', async (t) => {
  const cluster = await startPostgresql();
  t.teardown(() => cluster.stop());
  const store = await openStore(signerDomain, { engine: 'postgresql', url: await cluster.url() });
  t.teardown(() => store.close());
  await store.write(openLog);
  const written = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const late = store.write(async (tx) => {
    await appendLeaves(tx, [leaf(0)]);
    written.resolve();
    await release.promise;
  });
  await written.promise;
  await store.write((tx) => appendLeaves(tx, [leaf(1), leaf(2)]));
  t.equal(await sequenceLeaves(store), 2, 'what is not committed is not placed');
  release.resolve();
  await late;
  const placed = await Promise.all([sequenceLeaves(store), sequenceLeaves(store)]);
  t.same(placed.sort(), [0, 1], 'then only one sequencer places it');
  t.equal(await sequenceLeaves(store), 0);
  const { logLeaves } = store.read.t;
  const rows = await store.read.db.select().from(logLeaves).orderBy(asc(logLeaves.position));
  t.same(
    rows.map((row) => [row.position, JSON.parse(row.leaf).detail.n]),
    [
      [0, 1],
      [1, 2],
      [2, 0],
    ],
  );
});
