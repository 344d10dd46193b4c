import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import t from 'tap';
import { openStore } from '../../src/store/open-store.ts';
import { signerDomain } from '../../src/store/signer/tables.ts';
import type { Store } from '../../src/store/store.ts';
import { refused } from '../helpers/refused.ts';

type SignerStore = Awaited<ReturnType<typeof openSigner>>;
const openSigner = (file: string) => openStore(signerDomain, { engine: 'sqlite', file });
const put = (store: SignerStore, name: string, value = 'x') =>
  store.write((tx) => tx.db.insert(tx.t.settings).values({ name, value, version: 1, mac: Buffer.alloc(32) }));
const names = async (store: SignerStore) =>
  (await store.read.db.select().from(store.read.t.settings)).map((row) => row.name).sort();

/** The writer's connection, to make SQLite itself fail. */
async function writerOf(store: Store<unknown>): Promise<Database> {
  return store.write(async (tx) => (tx.db as unknown as { $client: Database }).$client);
}

t.test('S67: in a full store nobody of a group is told that it was recorded, and later writes work', async (t) => {
  const file = join(t.testdir(), 'store.db');
  const store = await openSigner(file);
  t.teardown(() => store.close());
  await put(store, 'before');
  const writer = await writerOf(store);
  const limit = (pages: number) => writer.pragma(`max_page_count = ${pages}`);
  limit(writer.pragma('page_count', { simple: true }) as number);
  const group = [put(store, 'small'), put(store, 'large', 'x'.repeat(200_000)), put(store, 'late')];
  for (const result of await Promise.allSettled(group)) {
    t.match(result, { status: 'rejected', reason: refused('unavailable') });
  }
  t.same(await names(store), ['before']);
  t.notOk(writer.inTransaction);
  limit(1_000_000);
  await put(store, 'after');
  t.same(await names(store), ['after', 'before']);
});

t.test('a store that became read-only says unavailable, not that the program is wrong', async (t) => {
  const store = await openSigner(join(t.testdir(), 'store.db'));
  t.teardown(() => store.close());
  const writer = await writerOf(store);
  writer.pragma('query_only = ON');
  await t.rejects(put(store, 'a'), refused('unavailable'));
  writer.pragma('query_only = OFF');
  await put(store, 'a');
});

t.test('a mistake of ours inside write comes out as it is', async (t) => {
  const store = await openSigner(join(t.testdir(), 'store.db'));
  t.teardown(() => store.close());
  const wrongArgument = store.write(async () => Buffer.from(1 as never));
  await t.rejects(wrongArgument, { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  await t.rejects(
    store.write(async () => readFileSync('/nowhere')),
    { code: 'ENOENT' },
  );
  const writer = await writerOf(store);
  await t.rejects(
    store.write(async () => writer.exec('SELECT nothing')),
    { code: 'SQLITE_ERROR' },
  );
});

t.test('close lets queued writes end and refuses later ones', async (t) => {
  const file = join(t.testdir(), 'store.db');
  const store = await openSigner(file);
  const queued = Array.from({ length: 150 }, (_, n) => put(store, `n${n}`));
  const closing = store.close();
  await t.rejects(put(store, 'late'), refused('unavailable'));
  await Promise.all(queued);
  await closing;
  const again = await openSigner(file);
  t.teardown(() => again.close());
  t.equal((await names(again)).length, 150);
  t.notOk((await names(again)).includes('late'));
});

t.test('one process per store: a second is refused, and a crash gives the store free', async (t) => {
  const directory = t.testdir();
  const file = join(directory, 'store.db');
  const script = `
    import { openStore } from ${JSON.stringify(join(import.meta.dirname, '../../src/store/open-store.ts'))};
    import { signerDomain } from ${JSON.stringify(join(import.meta.dirname, '../../src/store/signer/tables.ts'))};
    await openStore(signerDomain, { engine: 'sqlite', file: ${JSON.stringify(file)} });
    process.stdout.write('open');
    setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: {},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(other, 'exit');
  t.teardown(() => other.kill('SIGKILL'));
  await once(other.stdout, 'data');
  await t.rejects(openSigner(file), refused('busy'));
  other.kill('SIGKILL');
  await ended;
  const store = await openSigner(file);
  t.teardown(() => store.close());
  await put(store, 'a');
  for (const name of readdirSync(directory).filter((name) => !name.includes('.lock'))) {
    t.equal(statSync(join(directory, name)).mode & 0o777, 0o600, `${name} is private`);
  }
});

t.test('what is no store is named as such, so that nobody starts it again and again', async (t) => {
  const directory = t.testdir({ 'store.db': 'x'.repeat(8192), damaged: {} });
  await t.rejects(openSigner(join(directory, 'store.db')), refused('configuration'));
  const file = join(directory, 'damaged', 'store.db');
  const store = await openSigner(file);
  await put(store, 'a', 'y'.repeat(50_000));
  await store.close();
  const pages = Buffer.alloc(statSync(file).size - 4096, 0xa5);
  writeFileSync(file, pages, { flag: 'r+' });
  await t.rejects(openSigner(file), refused('configuration'));
  t.ok(existsSync(file));
});
