import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { RowMac, SealedRow } from '../crypto/row-mac.ts';
import { and, eq, type SQL, sql } from './drizzle.ts';
import type { Tx, Verbs } from './store.ts';

type SealedPgTable = PgTable & { version: PgColumn; mac: PgColumn };
type RowOf<T extends PgTable> = T['$inferSelect'] & SealedRow;
/** Which row: the values of the columns that identify it. */
type KeyOf<T extends PgTable> = Partial<T['$inferSelect']>;
type Db = Pick<Tx<unknown>, 'db' | 'engine'>;

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
  /** Writes a row that `lock` returned, with some fields changed and its version raised. */
  replace(tx: Db, row: RowOf<T>, changes: Partial<T['$inferSelect']>): Promise<RowOf<T>>;
};

/**
 * @param name goes into each MAC, so that a row of one table does not pass in another
 * Each read throws KysoError integrity when a row is not as Kyso wrote it.
 */
export function sealedTable<T extends SealedPgTable>(name: string, table: T, mac: RowMac): SealedTable<T> {
  type Row = RowOf<T>;
  const columns = table as unknown as Record<string, PgColumn>;
  const matches = (key: object) => and(...Object.entries(key).map(([column, value]) => eq(columns[column]!, value)));
  const checked = (row: Row): Row => {
    mac.check(name, row);
    return row;
  };
  // drizzle cannot infer the rows of a table that is a type parameter; these three casts say what it cannot.
  const query = (db: Verbs, key: object) =>
    db
      .select()
      .from(table as PgTable)
      .where(matches(key));
  const select = async (db: Verbs, key: object) => (await query(db, key)) as Row[];
  const share = async (db: Verbs, key: object) => (await query(db, key).for('share')) as Row[];
  const update = async (db: Verbs, values: object, where: SQL | undefined) =>
    (await db
      .update(table)
      .set(values as never)
      .where(where)
      .returning()) as Row[];

  return {
    async insert(tx, row) {
      const sealed = mac.seal(name, { ...row, version: 1 } as Row);
      await tx.db.insert(table).values(sealed as never);
      return sealed;
    },
    async insertOnce(tx, row) {
      const sealed = mac.seal(name, { ...row, version: 1 } as Row);
      const insert = tx.db.insert(table).values(sealed as never);
      const [written] = (await insert.onConflictDoNothing().returning()) as Row[];
      return written && sealed;
    },
    async find(tx, key) {
      const [row] = await select(tx.db, key);
      return row && checked(row);
    },
    async hold(tx, key) {
      const [row] = await (tx.engine === 'postgresql' ? share : select)(tx.db, key);
      return row && checked(row);
    },
    async list(tx, key) {
      return (await select(tx.db, key)).map(checked);
    },
    async lock(tx, key, only) {
      const [row] = await update(tx.db, { version: sql`${table.version}` }, and(matches(key), only));
      return row && checked(row);
    },
    async replace(tx, row, changes) {
      const sealed = mac.seal(name, { ...row, ...changes, version: row.version + 1 });
      const written = await update(tx.db, sealed, and(eq(table.mac, row.mac), eq(table.version, row.version)));
      if (written.length !== 1) throw new Error(`${name}: replaced a row that was not locked`);
      return sealed;
    },
  };
}
