import Database from 'better-sqlite3';
import { KysoError } from '../base/errors.ts';
import { storeFailure } from './failure.ts';

/**
 * One process per SQLite store (design §2): an open transaction on a file beside it says so, and ends with the process
 * however that ends. Waits 5 s for a predecessor that is just stopping.
 * @throws KysoError busy — another process has the store open
 */
export function lockFile(file: string): { close(): void } {
  const lock = new Database(`${file}.lock`, { timeout: 5_000 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    if (!(cause instanceof Database.SqliteError && cause.code === 'SQLITE_BUSY')) throw storeFailure(cause);
    throw new KysoError('busy', `another process has ${file} open: is Kyso already running in this directory?`, {
      cause,
    });
  }
}
