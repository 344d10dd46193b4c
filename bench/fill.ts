import { chownSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import { type Config, pathsOf } from '../src/config.ts';

/** The tables that grow with the number of subscribers, and the columns that tell their rows apart. */
const tables = {
  signer: {
    subscribers: ['id', 'user_id'],
    vaults: ['subscriber'],
    factors: ['subscriber'],
    keys: ['id', 'credential', 'subscriber'],
    credentials: ['id', 'subscriber', 'key'],
  },
  ca: {
    subscribers: ['id', 'user_id'],
    credentials: ['id', 'subscriber', 'line_hash', 'spki_hash'],
    certificates: ['serial_number', 'credential'],
  },
  api: { logins: ['user_id', 'subscriber'] },
} as const;

/** Fills the stores of a stopped server with `count` people more, each a copy of a real one under names of its own. */
export async function fillStores(config: Config, count: number): Promise<void> {
  for (const [domain, filled] of Object.entries(tables)) {
    for (const [table, own] of Object.entries(filled)) {
      if (config.store.engine === 'sqlite') fillSqlite(config, domain as keyof typeof tables, table, own, count);
      else await fillPostgresql(config.store[domain as keyof typeof tables], `${domain}.${table}`, own, count);
    }
  }
}

/** Numbers that are spread over the whole index, as random ids are. */
const spread = { factor: 2_654_435_761, range: 4_294_967_295 };

function fillSqlite(
  config: Config,
  domain: keyof typeof tables,
  table: string,
  own: readonly string[],
  count: number,
): void {
  const directory = pathsOf(config).own(domain);
  const db = new Database(join(directory, 'store.db'));
  // Nobody needs what a crash would leave, and the indexes are to grow in memory.
  db.pragma('journal_mode = OFF');
  db.pragma('cache_size = -2000000');
  const columns = (db.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name);
  const value = `printf('%08x%08x', (i * ${spread.factor}) & ${spread.range}, i)`;
  db.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO ${table} (${columns.map(quoted)})
    SELECT ${columns.map((name) => (own.includes(name) ? value : quoted(name)))}
    FROM (SELECT * FROM ${table} ORDER BY rowid DESC LIMIT 1), n`);
  db.pragma('journal_mode = WAL');
  db.close();
  // What SQLite made meanwhile belongs to whoever the directory belongs to.
  const { uid, gid } = statSync(directory);
  for (const file of readdirSync(directory))
    if (file.startsWith('store.db')) chownSync(join(directory, file), uid, gid);
}

async function fillPostgresql(url: string, table: string, own: readonly string[], count: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { fields } = await client.query(`SELECT * FROM ${table} LIMIT 0`);
    const columns = fields.map(({ name }) => name);
    const value = `to_hex((i * ${spread.factor}) & ${spread.range}) || '-' || i`;
    await client.query(`
      INSERT INTO ${table} (${columns.map(quoted)})
      SELECT ${columns.map((name) => (own.includes(name) ? value : quoted(name)))}
      FROM (SELECT * FROM ${table} LIMIT 1) AS one, generate_series(1, ${count}::bigint) AS i`);
    await client.query(`ANALYZE ${table}`);
  } finally {
    await client.end();
  }
}

const quoted = (name: string) => `"${name}"`;
