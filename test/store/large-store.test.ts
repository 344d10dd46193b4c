import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import { notifyDomain } from '../../src/store/notify/tables.ts';
import { openStore } from '../../src/store/open-store.ts';
import { refused } from '../helpers/refused.ts';
import { until } from '../helpers/until.ts';

/** A store of over 64 MiB. */
async function largeStore(t: Test): Promise<string> {
  const file = join(t.testdir(), 'store.db');
  await (await openStore(notifyDomain, { engine: 'sqlite', file })).close();
  const db = new Database(file);
  db.exec('CREATE TABLE filling (bytes blob) STRICT');
  const insert = db.prepare('INSERT INTO filling VALUES (randomblob(1048576))');
  db.transaction(() => {
    for (let n = 0; n < 68; n += 1) insert.run();
  })();
  db.close();
  t.ok(statSync(file).size > 64 * 2 ** 20);
  return file;
}

t.test('S65: a large store is served before all of it was read, and works on when it is sound', async (t) => {
  const file = await largeStore(t);
  const alarms: boolean[] = [];
  const store = await openStore(notifyDomain, { engine: 'sqlite', file }, (works) => alarms.push(works));
  t.teardown(() => store.close());
  for (let n = 0; n < 20; n += 1) {
    await store.write(async (tx) => tx.db.select().from(tx.t.messages).limit(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.same(alarms, []);
  t.ok(store.works());
});

t.test(
  'S61, S65: a large store that is damaged is found out while it is served, and records nothing from then on',
  async (t) => {
    const file = await largeStore(t);
    const descriptor = openSync(file, 'r+');
    const { size } = statSync(file);
    for (let at = 4096 * 100; at < size; at += 4096 * 50) writeSync(descriptor, Buffer.alloc(16, 0xff), 0, 16, at);
    closeSync(descriptor);
    const alarms: [boolean, string | undefined][] = [];
    const store = await openStore(notifyDomain, { engine: 'sqlite', file }, (works, why) =>
      alarms.push([works, why?.message]),
    );
    t.teardown(() => store.close());
    const write = () => store.write(async (tx) => tx.db.select().from(tx.t.messages).limit(1));
    await until(async () =>
      write().then(
        () => false,
        () => true,
      ),
    );
    await t.rejects(write(), refused('unavailable'));
    t.match(
      alarms,
      [[false, /^the store .* is damaged \(.*\): restore it from a backup$/]],
      'the operator hears of it once, with the fix',
    );
    t.notOk(store.works());
  },
);
