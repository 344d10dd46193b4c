import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import Database, { type Database as Connection } from 'better-sqlite3';
import pg from 'pg';
import type { Engine } from '../../src/store/store.ts';
import type { TestSigner } from './signer.ts';
import { until } from './until.ts';

/** Brings a fault about in a signer's store by the engine's own means; the answered function ends it. */
export type StoreFault = (world: Pick<TestSigner, 'location' | 'store'>) => Promise<() => Promise<void>>;

/** The faults of each engine that let no write through. (A full disk does: what fits into pages that are there.) */
export const storeFaults: Record<Engine, Record<string, StoreFault>> = {
  sqlite: {
    async 'read-only'(world) {
      const writer = await writerOf(world);
      writer.pragma('query_only = ON');
      return async () => void writer.pragma('query_only = OFF');
    },
    async busy(world) {
      const writer = await writerOf(world);
      writer.pragma('busy_timeout = 50');
      const other = new Database((world.location as { file: string }).file);
      other.exec('BEGIN IMMEDIATE');
      return async () => void other.close();
    },
    async 'I/O error'() {
      failFileWrites(true);
      return async () => failFileWrites(false);
    },
  },
  postgresql: {
    async 'read-only'({ location }) {
      const { url } = location as { url: string };
      await setReadOnly(url, 'on');
      return () => setReadOnly(url, 'off');
    },
  },
};

/** The writer's connection of a SQLite store, to make SQLite itself fail. */
export const writerOf = ({ store }: Pick<TestSigner, 'store'>): Promise<Connection> =>
  store.write(async (tx) => (tx.db as unknown as { $client: Connection }).$client);

const goOn = () => {};

/** Every write of this process to a file fails (EFBIG), which SQLite reports as SQLITE_IOERR_WRITE, at COMMIT. */
export function failFileWrites(fail: boolean): void {
  // Without a listener of ours the signal that comes with the error ends the process.
  if (!process.listeners('SIGXFSZ').includes(goOn)) process.on('SIGXFSZ', goOn);
  execFileSync('prlimit', [`--pid=${process.pid}`, `--fsize=${fail ? '0' : 'unlimited'}:unlimited`]);
}

/** All later transactions of this database are read-only, and those who were connected come anew. */
async function setReadOnly(url: string, value: 'on' | 'off'): Promise<void> {
  const admin = new pg.Client({ connectionString: url, options: '-c default_transaction_read_only=off' });
  await admin.connect();
  const { rows } = await admin.query('SELECT current_database() AS name');
  await admin.query(`ALTER DATABASE ${rows[0].name} SET default_transaction_read_only = ${value}`);
  const others = 'FROM pg_stat_activity WHERE datname = current_database() AND backend_start < $1';
  const since = [
    (await admin.query('SELECT backend_start AS at FROM pg_stat_activity WHERE pid = pg_backend_pid()')).rows[0].at,
  ];
  await admin.query(`SELECT pg_terminate_backend(pid) ${others}`, since);
  await until(async () => (await admin.query(`SELECT pid ${others}`, since)).rowCount === 0);
  // The pool hears of it a moment later.
  await delay(100);
  await admin.end();
}
