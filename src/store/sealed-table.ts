import type { PgTable } from 'drizzle-orm/pg-core';
import type { RowMac, SealedRow } from '../crypto/row-mac.ts';
import type { SQL } from './drizzle.ts';
import { type Db, type SealedPgTable, sealedQueries } from './sealed-queries.ts';

type RowOf<T extends PgTable> = T['$inferSelect'] & SealedRow;
/** Which row: the values of the columns that identify it. */
type KeyOf<T extends PgTable> = Partial<T['$inferSelect']>;

/** A table whose rows carry a MAC: the only way in which its rows are read and written. */
export type SealedTable<T extends PgTable> = {
  insert(tx: Db, row: Omit<T['$inferSelect'], 'version' | 'mac'>): Promise<RowOf<T>>;
  /** The same, unless there is already a row with this primary key: then nothing is written and undefined returned. */
  insertOnce(tx: Db, row: Omit<T['$inferSelect'], 'version' | 'mac'>): Promise<RowOf<T> | undefined>;
  find(tx: Db, key: KeyOf<T>): Promise<RowOf<T> | undefined>;
  list(tx: Db, key: KeyOf<T>): Promise<RowOf<T>[]>;
  /**
   * Reads the row as it is now, and keeps it as it is until the transaction ends: who changes it waits, who holds it,
   * too, does not. (A transaction of SQLite keeps out every other.)
   */
  hold(tx: Db, key: KeyOf<T>): Promise<RowOf<T> | undefined>;
  /**
   * Locks the row until the transaction ends, by an UPDATE that changes nothing, and returns it. `only` stands in that
   * UPDATE's WHERE; no row is returned when it does not hold after waiting for whoever had the lock.
   */
  lock(tx: Db, key: KeyOf<T>, only?: SQL): Promise<RowOf<T> | undefined>;
  /**
   * The rows behind `after`, or the first ones, in the order of their keys: those that are as Kyso wrote them, and the keys
   * of those that are not. `last` is where to go on; undefined at the end.
   */
  walk(tx: Db, after: string | undefined, most: number): Promise<{ good: RowOf<T>[]; bad: string[]; last?: string }>;
  /** Writes a row that `lock` returned, with some fields changed and its version raised. */
  replace(tx: Db, row: RowOf<T>, changes: Partial<T['$inferSelect']>): Promise<RowOf<T>>;
};

/**
 * @param name goes into each MAC, so that a row of one table does not pass in another
 * Each read throws KysoError integrity when a row is not as Kyso wrote it.
 */
export function sealedTable<T extends SealedPgTable>(name: string, table: T, mac: RowMac): SealedTable<T> {
  type Row = RowOf<T>;
  const queries = sealedQueries(name, table);
  const checked = (row: Row): Row => {
    mac.check(name, row);
    return row;
  };

  return {
    async insert(tx, row) {
      const sealed = mac.seal(name, { ...row, version: 1 } as Row);
      await queries.insert(tx, sealed);
      return sealed;
    },
    async insertOnce(tx, row) {
      const sealed = mac.seal(name, { ...row, version: 1 } as Row);
      const [written] = await queries.insertOnce(tx, sealed);
      return written && sealed;
    },
    async find(tx, key) {
      const [row] = (await queries.select(tx, key)) as Row[];
      return row && checked(row);
    },
    async hold(tx, key) {
      const [row] = (await queries[tx.engine === 'postgresql' ? 'share' : 'select'](tx, key)) as Row[];
      return row && checked(row);
    },
    async list(tx, key) {
      return ((await queries.select(tx, key)) as Row[]).map(checked);
    },
    async walk(tx, after, most) {
      const rows = (await queries.walk(tx, after, most)) as Row[];
      const keyOf = (row: Row) => String((row as Record<string, unknown>)[queries.primary]);
      const good = rows.filter((row) => mac.fits(name, row));
      const bad = rows.filter((row) => !good.includes(row)).map(keyOf);
      const last = rows.at(-1);
      return { good, bad, ...(last && rows.length === most && { last: keyOf(last) }) };
    },
    async lock(tx, key, only) {
      const [row] = (await queries.lock(tx, key, only)) as Row[];
      return row && checked(row);
    },
    async replace(tx, row, changes) {
      const sealed = mac.seal(name, { ...row, ...changes, version: row.version + 1 });
      const { version, mac: proof } = sealed;
      const written = await queries.replace(tx, { ...changes, version, mac: proof }, row);
      if (written.length !== 1) throw new Error(`${name}: replaced a row that was not locked`);
      return sealed;
    },
  };
}
