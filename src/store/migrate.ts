import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Pool, PoolClient } from 'pg';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';

type Migration = { name: string; hash: string; statements: string[] };
type Applied = { name: string; hash: string };

const createTable =
  'CREATE TABLE IF NOT EXISTS kyso_migrations (name text PRIMARY KEY, hash text NOT NULL, applied_at text NOT NULL)';

/**
 * Brings a SQLite file to the newest schema, all or nothing, under SQLite's own write lock.
 * @throws KysoError configuration — the file was migrated by other files than these (edited, out of order, or newer)
 */
export function migrateSqlite(db: Database, directory: string, domain: DomainName): void {
  db.exec('BEGIN EXCLUSIVE');
  try {
    assertOurs(db, domain);
    db.exec(createTable);
    const applied = db.prepare('SELECT name, hash FROM kyso_migrations ORDER BY name').all() as Applied[];
    for (const migration of pending(directory, applied)) {
      for (const statement of migration.statements) db.exec(statement);
      db.prepare('INSERT INTO kyso_migrations VALUES (?, ?, CURRENT_TIMESTAMP)').run(migration.name, migration.hash);
    }
    db.exec('COMMIT');
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

type DomainName = 'signer' | 'ca' | 'api' | 'notify';

/** What a SQLite file says of itself (PRAGMA application_id): "Kys" and a letter for the domain. */
const applicationIds: Record<DomainName, number> = {
  signer: 0x4b797373,
  ca: 0x4b797363,
  api: 0x4b797361,
  notify: 0x4b79736e,
};

/** @throws KysoError configuration — the file belongs to something else, or to another of Kyso's processes */
function assertOurs(db: Database, domain: DomainName): void {
  const id = db.pragma('application_id', { simple: true });
  if (id === applicationIds[domain]) return;
  const owner = Object.entries(applicationIds).find(([, known]) => known === id)?.[0];
  if (owner) throw foreign(`${db.name} is the store of ${owner}, and not of ${domain}`);
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  if (id !== 0 || (tables.length > 0 && !tables.includes('kyso_migrations')))
    throw foreign(`${db.name} is not a store of Kyso`);
  db.pragma(`application_id = ${applicationIds[domain]}`);
}

const foreign = (what: string) =>
  new KysoError(
    'configuration',
    `${what}: put the right one in its place (kyso signer restore --help), or name an empty place`,
  );

/** The same for PostgreSQL, in schema `domain`, under an advisory lock so that two starting machines take turns. */
export async function migratePostgresql(pool: Pool, directory: string, domain: string): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(`SELECT pg_advisory_xact_lock(hashtext($1))`, [`kyso:${domain}`]);
    await assertOurSchema(client, domain);
    await client.query(`CREATE SCHEMA IF NOT EXISTS "${domain}"`);
    await client.query(createTable.replace('kyso_migrations', `"${domain}".kyso_migrations`));
    const table = `"${domain}".kyso_migrations`;
    const { rows } = await client.query<Applied>(`SELECT name, hash FROM ${table} ORDER BY name COLLATE "C"`);
    for (const migration of pending(directory, rows)) {
      for (const statement of migration.statements) await client.query(statement);
      await client.query(`INSERT INTO ${table} VALUES ($1, $2, now())`, [migration.name, migration.hash]);
    }
    await client.query('COMMIT');
  } catch (error) {
    // On a lost connection this fails, too; the first error is the one that says why.
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

/** @throws KysoError configuration — the schema of this name has tables, and they are not Kyso's */
async function assertOurSchema(client: PoolClient, domain: string): Promise<void> {
  const text = 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1';
  const { rows } = await client.query<{ name: string }>(text, [domain]);
  if (rows.length > 0 && !rows.some(({ name }) => name === 'kyso_migrations'))
    throw foreign(`the schema "${domain}" of the database is not Kyso's`);
}

function pending(directory: string, applied: Applied[]): Migration[] {
  const known = readMigrations(directory);
  for (const [index, { name, hash }] of applied.entries()) {
    const expected = known[index];
    if (expected?.name === name && expected.hash === hash) continue;
    const reason = expected
      ? `expected ${expected.name} at this place, unchanged`
      : 'this version of Kyso does not know it';
    throw new KysoError(
      'configuration',
      `the store has migration ${name}, but ${reason}: use the Kyso version that wrote the store`,
    );
  }
  return known.slice(applied.length);
}

function readMigrations(directory: string): Migration[] {
  const files = readdirSync(directory)
    .filter((file) => file.endsWith('.sql'))
    .sort();
  return files.map((file) => {
    const text = readFileSync(join(directory, file), 'utf8');
    const statements = text.split('--> statement-breakpoint').map((statement) => statement.trim());
    // The schema itself is made by the runner, which needs it for its own table first.
    const own = statements.filter((statement) => statement !== '' && !/^CREATE SCHEMA/i.test(statement));
    return { name: file, hash: sha256(text).toString('hex'), statements: own };
  });
}
