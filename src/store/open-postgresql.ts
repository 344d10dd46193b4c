import { createRequire } from 'node:module';
import pg from 'pg';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { storeFailure } from './failure.ts';
import type { Store, Tx } from './store.ts';

const require = createRequire(import.meta.url);
const { drizzle } = require('drizzle-orm/node-postgres') as typeof import('drizzle-orm/node-postgres');

/**
 * A pool with the settings of S65: every commit waits for the disk, and nothing waits for ever.
 * @throws KysoError configuration — the URL has `options` of its own, which would take the place of these
 */
export function connectPostgresql(url: string, max = 10): pg.Pool {
  if (/[?&]options=/i.test(url))
    throw new KysoError('configuration', 'the URL of the PostgreSQL store must not set options');
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: 10_000,
    options:
      '-c synchronous_commit=on -c statement_timeout=10s -c lock_timeout=10s -c idle_in_transaction_session_timeout=15s',
  });
  // A connection that the server closes must not end the process, be it idle or between two queries of a transaction:
  // the next query fails, and the one after that gets a new connection.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** Opens a domain's tables in PostgreSQL, which must already be migrated. One transaction per write (READ COMMITTED). */
export function openPostgresql<T>(url: string, tables: T): Omit<Store<T>, 'works'> {
  const pool = connectPostgresql(url);
  const db = drizzle(pool);
  return {
    read: { db, t: tables, engine: 'postgresql' },
    async write<R>(work: (tx: Tx<T>) => Promise<R>): Promise<R> {
      try {
        const result = await db.transaction(async (inner) => {
          const done = await work({ db: inner, t: tables, engine: 'postgresql' });
          await failpoint('store.uncommitted');
          return done;
        });
        await failpoint('store.committed');
        return result;
      } catch (error) {
        throw storeFailure(error);
      }
    },
    truncateLog: async () => {},
    close: () => pool.end(),
  };
}
