import t from 'tap';
import { makeLeaf } from '../../src/audit/leaf.ts';
import { KysoError } from '../../src/base/errors.ts';
import { asc, eq } from '../../src/store/drizzle.ts';
import { isConflict } from '../../src/store/failure.ts';
import { appendLeaves, openLog, sequenceLeaves } from '../../src/store/log.ts';
import { signerDomain } from '../../src/store/signer/tables.ts';
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
    t.ok(isConflict((results[1] as PromiseRejectedResult).reason), 'and says that it was a conflict');

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
