import { join } from 'node:path';
import Database, { type Database as Connection } from 'better-sqlite3';
import t, { type Test } from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { openStore } from '../../src/store/open-store.ts';
import { signerDomain } from '../../src/store/signer/tables.ts';
import { refused } from '../helpers/refused.ts';
import { failFileWrites } from '../helpers/store-faults.ts';
import { atTransactionControl } from '../helpers/transaction-control.ts';

/** Transactions that arrive at once, so that they share a commit. */
const group = [0, 1, 2, 3, 4];

async function newStore(t: Test) {
  const file = join(t.testdir(), 'store.db');
  const store = await openStore(signerDomain, { engine: 'sqlite', file });
  t.teardown(() => store.close());
  const writer = await store.write(async (tx) => (tx.db as unknown as { $client: Connection }).$client);
  const put = (name: string, size = 1, then = async () => {}) =>
    store.write(async (tx) => {
      await tx.db.insert(tx.t.settings).values({ name, value: 'x'.repeat(size), version: 1, mac: Buffer.alloc(32) });
      await then();
    });
  const names = async () => (await store.read.db.select().from(store.read.t.settings)).map(({ name }) => name).sort();
  return { file, writer, put, names };
}

type Parts = Awaited<ReturnType<typeof newStore>>;

/** All of the group were told that nothing was recorded; so it is, and the store goes on. */
async function nobodyRecorded(
  t: Test,
  { put, names, writer }: Parts,
  told: PromiseSettledResult<void>[],
  mend: () => void,
) {
  for (const result of told) t.match(result, { status: 'rejected', reason: refused('unavailable') });
  mend();
  t.notOk(writer.inTransaction);
  t.same(await names(), [], 'and nothing is there');
  await Promise.all(group.map((n) => put(`after-${n}`)));
  t.equal((await names()).length, group.length, 'and without a restart the next ones are recorded');
}

for (const position of group) {
  t.test(`S67: a disk that is full for number ${position} of a group records none of it`, async (t) => {
    const parts = await newStore(t);
    const { writer, put } = parts;
    const limit = (pages: number) => writer.pragma(`max_page_count = ${pages}`);
    limit(writer.pragma('page_count', { simple: true }) as number);
    const told = await Promise.allSettled(group.map((n) => put(`n${n}`, n === position ? 200_000 : 1)));
    await nobodyRecorded(t, parts, told, () => limit(1_000_000));
  });

  t.test(
    `S67: number ${position} of a group that is refused, in a group that fails, is not recorded either`,
    async (t) => {
      const parts = await newStore(t);
      parts.writer.pragma('query_only = ON');
      const refuse = async () => {
        throw new KysoError('sadInvalid');
      };
      const told = await Promise.allSettled(
        group.map((n) => parts.put(`n${n}`, 1, n === position ? refuse : undefined)),
      );
      await nobodyRecorded(t, parts, told, () => parts.writer.pragma('query_only = OFF'));
    },
  );

  t.test(`S67: number ${position} of a group that is refused takes nobody with it`, async (t) => {
    const { put, names } = await newStore(t);
    const refuse = async () => {
      throw new KysoError('sadInvalid');
    };
    const told = await Promise.allSettled(group.map((n) => put(`n${n}`, 1, n === position ? refuse : undefined)));
    for (const [n, result] of told.entries())
      t.match(result, n === position ? { reason: refused('sadInvalid') } : { status: 'fulfilled' });
    t.same(
      await names(),
      group.filter((n) => n !== position).map((n) => `n${n}`),
    );
  });
}

t.test('S67: an I/O error, which SQLite meets at COMMIT, records nothing of a group', async (t) => {
  const parts = await newStore(t);
  failFileWrites(true);
  const told = await Promise.allSettled(group.map((n) => parts.put(`n${n}`)));
  failFileWrites(false);
  for (const result of told) t.match(result, { reason: { cause: { code: /^SQLITE_IOERR/ } } });
  await nobodyRecorded(t, parts, told, () => {});
});

t.test('S67: a store that somebody else holds is not recorded in, and is not waited for without end', async (t) => {
  const parts = await newStore(t);
  const other = new Database(parts.file);
  t.teardown(() => other.close());
  parts.writer.pragma('busy_timeout = 50');
  other.exec('BEGIN IMMEDIATE');
  const told = await Promise.allSettled(group.map((n) => parts.put(`n${n}`)));
  await nobodyRecorded(t, parts, told, () => other.exec('ROLLBACK'));
});

/** Makes one kind of statement fail, as SQLite does when the disk fails under it: before it did anything. */
function failStatements(...failing: RegExp[]): { met: () => number; end: () => void } {
  let met = 0;
  const end = atTransactionControl((_, statement) => {
    if (!failing.some((one) => one.test(statement))) return statement;
    met += 1;
    throw new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_FSYNC');
  });
  return { met: () => met, end };
}

const moments: Record<string, RegExp[]> = {
  'at BEGIN': [/^BEGIN/],
  'at a SAVEPOINT': [/^SAVEPOINT/],
  'at a RELEASE': [/^RELEASE/],
  'at COMMIT': [/^COMMIT/],
  'at COMMIT and at the ROLLBACK after it': [/^COMMIT/, /^ROLLBACK/],
};

for (const [moment, statements] of Object.entries(moments)) {
  t.test(`S67: a group that fails ${moment} is not recorded`, async (t) => {
    const parts = await newStore(t);
    const fault = failStatements(...statements);
    const told = await Promise.allSettled(group.map((n) => parts.put(`n${n}`)));
    t.ok(fault.met() > 0);
    for (const result of told) t.match(result, { status: 'rejected', reason: refused('unavailable') });
    fault.end();
    await Promise.all(group.map((n) => parts.put(`after-${n}`)));
    t.same(
      await parts.names(),
      group.map((n) => `after-${n}`),
      'and without a restart the next ones are recorded',
    );
    t.notOk(parts.writer.inTransaction);
  });
}
