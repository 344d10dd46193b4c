import Database from 'better-sqlite3';
import { KysoError } from '../base/errors.ts';

/**
 * Copies a SQLite store that may be in use, as it is at one moment, to a file that must not be there yet.
 * @throws KysoError configuration — it cannot be read, or the copy cannot be written
 */
export function copySqlite(file: string, to: string): void {
  try {
    const db = new Database(file, { readonly: true, timeout: 5_000 });
    try {
      db.prepare('VACUUM INTO ?').run(to);
    } finally {
      db.close();
    }
  } catch (cause) {
    throw new KysoError('configuration', `${file} cannot be copied to ${to}`, { cause });
  }
}
