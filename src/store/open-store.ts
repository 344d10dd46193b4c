import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { KysoError } from '../base/errors.ts';
import { checkMeanwhile } from './check-meanwhile.ts';
import { lockFile } from './lock-file.ts';
import { migratePostgresql, migrateSqlite } from './migrate.ts';
import { connectPostgresql, openPostgresql } from './open-postgresql.ts';
import { connectSqlite, healthOf, openSqlite } from './open-sqlite.ts';
import type { Store } from './store.ts';
import { type StoreAlarm, watched } from './watched.ts';

/** Where a domain's store is: a file of its own, or a PostgreSQL database (one schema per domain). */
export type StoreLocation = { engine: 'sqlite'; file: string } | { engine: 'postgresql'; url: string };

export type Domain<T> = { name: 'signer' | 'ca' | 'api' | 'notify'; postgresql: T; sqlite: unknown };

const migrations = join(import.meta.dirname, '..', '..', 'migrations');

/** Bytes of a file that is read and checked before it is served: what takes longer than a second is checked meanwhile. */
const checkedAtOnce = 64 * 2 ** 20;

/**
 * Migrates and opens the store of one domain. `alarm` is told when it stops recording, and when it records again.
 * A large SQLite file that turns out to be damaged records nothing any more.
 * @throws KysoError configuration — the file is damaged, or was written by another version
 * @throws KysoError busy — another process has the SQLite file open
 */
export async function openStore<T>(domain: Domain<T>, location: StoreLocation, alarm?: StoreAlarm): Promise<Store<T>> {
  const directory = join(migrations, domain.name, location.engine);
  if (location.engine === 'postgresql') {
    const pool = connectPostgresql(location.url, 1);
    try {
      await migratePostgresql(pool, directory, domain.name);
    } finally {
      await pool.end();
    }
    return watched(openPostgresql(location.url, domain.postgresql), alarm);
  }
  mkdirSync(dirname(location.file), { recursive: true, mode: 0o700 });
  const lock = lockFile(location.file);
  try {
    const large = (statSync(location.file, { throwIfNoEntry: false })?.size ?? 0) > checkedAtOnce;
    prepareFile(location.file, directory, domain.name, !large);
    const store = openSqlite<T>(location.file, domain.sqlite);
    const checked = large ? checkMeanwhile(store, location.file) : store;
    return watched({ ...checked, close: () => checked.close().finally(() => lock.close()) }, alarm);
  } catch (error) {
    lock.close();
    throw error;
  }
}

function prepareFile(file: string, directory: string, domain: Domain<unknown>['name'], check: boolean): void {
  // Made here with its final mode, which SQLite gives to the write-ahead log, too.
  closeSync(openSync(file, 'a', 0o600));
  const db = openFile(file);
  try {
    const health = check ? healthOf(db) : 'ok';
    if (health !== 'ok')
      throw new KysoError('configuration', `the store ${file} is damaged (${health}): restore it from a backup`);
    migrateSqlite(db, directory, domain);
  } finally {
    db.close();
  }
}

function openFile(file: string): Database {
  try {
    return connectSqlite(file);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && /^SQLITE_(NOTADB|CORRUPT)/.test(String(cause.code))))
      throw cause;
    throw new KysoError('configuration', `the store ${file} is damaged: restore it from a backup`, { cause });
  }
}
