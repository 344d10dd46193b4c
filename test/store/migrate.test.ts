import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import t, { type Test } from 'tap';
import { caDomain } from '../../src/store/ca/tables.ts';
import { migratePostgresql, migrateSqlite } from '../../src/store/migrate.ts';
import { connectPostgresql } from '../../src/store/open-postgresql.ts';
import { openStore } from '../../src/store/open-store.ts';
import { signerDomain } from '../../src/store/signer/tables.ts';
import { startPostgresql } from '../helpers/postgresql.ts';
import { refused } from '../helpers/refused.ts';

type Migrate = (directory: string) => Promise<void>;

/** The rules of the runner, shown on the signer's own migrations and two small ones after them. */
async function showRules(t: Test, engine: 'sqlite' | 'postgresql', migrate: Migrate): Promise<void> {
  const directory = join(t.testdir(), engine);
  mkdirSync(directory);
  cpSync(join(import.meta.dirname, '../../migrations/signer', engine), directory, { recursive: true });
  const first = readdirSync(directory).find((file) => file.endsWith('.sql'))!;
  const add = (name: string, sql: string) => writeFileSync(join(directory, name), sql);
  await migrate(directory);
  await migrate(directory);
  t.pass('a second run has nothing to do');

  add('9001_broken.sql', 'CREATE TABLE good (a text);\n--> statement-breakpoint\nCREATE TABLE broken (');
  await t.rejects(migrate(directory), 'a migration that fails');
  add('9001_broken.sql', 'CREATE TABLE good (a text);');
  await migrate(directory);
  t.pass('left nothing behind, not even its first statement');

  add('9000_late.sql', 'CREATE TABLE late (a text);');
  await t.rejects(migrate(directory), refused('configuration'), 'one that sorts before those that were applied');
  rmSync(join(directory, '9000_late.sql'));

  const text = readFileSync(join(directory, first), 'utf8');
  add(first, `${text}\n-- edited`);
  await t.rejects(migrate(directory), refused('configuration'), 'one that was edited');
  add(first, text);

  rmSync(join(directory, '9001_broken.sql'));
  await t.rejects(migrate(directory), refused('configuration'), 'an older Kyso on a newer store');
}

t.test('S71: SQLite: migrations are applied once, whole, in order, unchanged', async (t) => {
  const db = new Database(':memory:');
  t.teardown(() => db.close());
  await showRules(t, 'sqlite', async (directory) => migrateSqlite(db, directory, 'signer'));
});

t.test('a store of something else, or of another process, is left as it is and named', async (t) => {
  const directory = t.testdir();
  const location = (name: string) => ({ engine: 'sqlite', file: join(directory, name) }) as const;
  await (await openStore(caDomain, location('ca.db'))).close();
  const named = (message: RegExp) => ({ ...refused('configuration'), message });
  await t.rejects(
    openStore(signerDomain, location('ca.db')),
    named(/ca\.db is the store of ca, and not of signer.*restore/),
  );
  await (await openStore(caDomain, location('ca.db'))).close();

  const db = new Database(location('other.db').file);
  db.exec('CREATE TABLE accounts (name TEXT)');
  const tables = () => db.prepare('SELECT name FROM sqlite_schema').pluck().all();
  await t.rejects(openStore(signerDomain, location('other.db')), named(/other\.db is not a store of Kyso/));
  t.same(tables(), ['accounts'], 'nothing was added');
  db.exec('DROP TABLE accounts');
  db.pragma('application_id = 1');
  await t.rejects(
    openStore(signerDomain, location('other.db')),
    named(/not a store of Kyso/),
    'an empty file of another',
  );
  db.close();

  const cluster = await startPostgresql();
  t.teardown(() => cluster.stop());
  const url = await cluster.url();
  const pool = connectPostgresql(url, 1);
  await pool.query('CREATE SCHEMA signer; CREATE TABLE signer.people (name text)');
  await t.rejects(openStore(signerDomain, { engine: 'postgresql', url }), named(/schema "signer".*not Kyso's/));
  const { rows } = await pool.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'signer'");
  t.same(rows, [{ table_name: 'people' }]);
  await (await openStore(caDomain, { engine: 'postgresql', url })).close();
  t.pass('other schemas of the database do not matter');
  await pool.end();
});

t.test('S71: PostgreSQL: the same, also for machines that start at once', async (t) => {
  const cluster = await startPostgresql();
  t.teardown(() => cluster.stop());
  const url = await cluster.url();
  const pools = [connectPostgresql(url, 1), connectPostgresql(url, 1)];
  const migrations = join(import.meta.dirname, '../../migrations/signer/postgresql');
  await Promise.all(pools.map((pool) => migratePostgresql(pool, migrations, 'signer')));
  const other = new pg.Pool({ connectionString: await cluster.url(), max: 1 });
  await showRules(t, 'postgresql', (directory) => migratePostgresql(other, directory, 'signer'));
  await Promise.all([...pools, other].map((pool) => pool.end()));
  t.throws(() => connectPostgresql(`${url}&options=-c%20synchronous_commit%3Doff`), refused('configuration'), 'S65');
});
