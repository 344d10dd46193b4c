import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import t from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { openStore } from '../../src/store/open-store.ts';
import { signerDomain } from '../../src/store/signer/tables.ts';
import { refused } from '../helpers/refused.ts';

t.test('S61: a store that stops recording says so, alarms once, and says when it records again', async (t) => {
  const told: unknown[] = [];
  const location = { engine: 'sqlite', file: join(t.testdir(), 'store.db') } as const;
  const store = await openStore(signerDomain, location, (works, reason) => told.push([works, reason?.kind]));
  t.teardown(() => store.close());
  const put = (name: string) =>
    store.write((tx) => tx.db.insert(tx.t.settings).values({ name, value: 'x', version: 1, mac: Buffer.alloc(32) }));
  const writer = await store.write(async (tx) => (tx.db as unknown as { $client: Database }).$client);
  t.ok(store.works());

  writer.pragma('query_only = ON');
  for (const name of ['a', 'b']) await t.rejects(put(name), refused('unavailable'));
  t.notOk(store.works());
  t.same(told, [[false, 'unavailable']], 'once');
  writer.pragma('query_only = OFF');
  await put('a');
  t.ok(store.works());
  t.same(told, [
    [false, 'unavailable'],
    [true, undefined],
  ]);

  await t.rejects(put('a'), 'the row is there already');
  const refusal = store.write(async () => {
    throw new KysoError('sadInvalid');
  });
  await t.rejects(refusal, refused('sadInvalid'));
  t.ok(store.works(), 'neither a conflict nor a refusal is a fault of the store');
});
