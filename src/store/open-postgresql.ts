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
  // One for each connection, so that queries that are prepared stay so.
  const sessions = new WeakMap<pg.PoolClient, Tx<T>>();

  function sessionOf(client: pg.PoolClient): Tx<T> {
    const known = sessions.get(client);
    if (known) return known;
    const session: Tx<T> = { db: drizzle(client), t: tables, engine: 'postgresql' };
    sessions.set(client, session);
    return session;
  }

  /** Not drizzle's, which keeps a connection for ever when it is lost at BEGIN, and does not see what COMMIT answers. */
  async function transaction<R>(work: (tx: Tx<T>) => Promise<R>): Promise<R> {
    const client = await pool.connect();
    let lost = false;
    try {
      await client.query('BEGIN');
      const result = await work(sessionOf(client));
      await failpoint('store.uncommitted');
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT') throw new KysoError('unavailable', 'the store rolled the change back');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {
        lost = true;
      });
      throw error;
    } finally {
      client.release(lost);
    }
  }

  return {
    read: { db, t: tables, engine: 'postgresql' },
    async write<R>(work: (tx: Tx<T>) => Promise<R>): Promise<R> {
      try {
        const result = await transaction(work);
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
