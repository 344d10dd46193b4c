import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { and, asc, eq, gt, type SQL, sql } from './drizzle.ts';
import { given, prepared } from './prepared.ts';
import type { Tx } from './store.ts';

export type SealedPgTable = PgTable & { version: PgColumn; mac: PgColumn };
export type Db = Pick<Tx<unknown>, 'db' | 'engine'>;
type Rows = Record<string, unknown>[];
/** Values by the names of the table's columns. */
type Values = Record<string, unknown>;

/** The queries of a sealed table, prepared; rows come and go as they are. Rows are found by any columns. */
export function sealedQueries(name: string, table: SealedPgTable) {
  // All columns by their names here, which drizzle's types do not say of a table that is a parameter.
  const columns = Object.fromEntries(
    Object.entries(table as unknown as Record<string, PgColumn>).filter(([, column]) => column?.columnType),
  );
  const [primary] = Object.entries(columns).find(([, column]) => column.primary) ?? [];
  if (primary === undefined) throw new Error(`${name} has no primary key of one column`);

  const matches = (names: string[]) => and(...names.map((column) => eq(columns[column]!, given(column))));
  const all = Object.fromEntries(Object.keys(columns).map((column) => [column, given(column)]));
  const nothing = Object.fromEntries(Object.keys(columns).map((column) => [column, null]));
  const unchanged = { version: sql`${table.version}` };

  /** One prepared query for each set of columns that rows are found by. */
  function by(verb: string, build: (tx: Db, names: string[]) => { prepare(name: string): unknown }) {
    const known = new Map<string, (tx: Tx<unknown>, values: Values) => Promise<Rows>>();
    return (tx: Db, key: Values): Promise<Rows> => {
      const names = Object.keys(key);
      const title = `${name} ${verb} ${names}`;
      let query = known.get(title);
      if (!query) {
        query = prepared(title, (inner) => build(inner, names) as never);
        known.set(title, query);
      }
      return query(tx as Tx<unknown>, key);
    };
  }

  const select = (tx: Db, names: string[]) =>
    tx.db
      .select()
      .from(table as PgTable)
      .where(matches(names));
  const update = (tx: Db, values: object, where: SQL | undefined) =>
    tx.db
      .update(table)
      .set(values as never)
      .where(where)
      .returning();
  const insertion = (tx: Db) => tx.db.insert(table).values(all as never);
  const insert = by('insert', insertion);
  const insertOnce = by('insertOnce', (tx) => insertion(tx).onConflictDoNothing().returning());
  const lock = by('lock', (tx, names) => update(tx, unchanged, matches(names)));
  const replace = by('replace', (tx, names) => {
    const were = [primary, 'version', 'mac'].map((column) => eq(columns[column]!, given(`old ${column}`)));
    const changed = names.filter((column) => column in columns);
    return tx.db
      .update(table)
      .set(Object.fromEntries(changed.map((column) => [column, all[column]])) as never)
      .where(and(...were))
      .returning({ version: table.version });
  });

  /** The next rows behind one with this primary key, or the first ones, in the order of their keys. */
  const walk = (tx: Db, after: unknown, most: number): Promise<Rows> => {
    const column = columns[primary]!;
    const rows = tx.db
      .select()
      .from(table as PgTable)
      .where(after === undefined ? undefined : gt(column, after))
      .orderBy(asc(column))
      .limit(most);
    return rows as unknown as Promise<Rows>;
  };

  return {
    primary,
    walk,
    select: by('select', select),
    share: by('share', (tx, names) => select(tx, names).for('share')),
    insert: (tx: Db, row: Values) => insert(tx, { ...nothing, ...row }),
    insertOnce: (tx: Db, row: Values) => insertOnce(tx, { ...nothing, ...row }),
    /** An UPDATE that changes nothing; `only` is one more condition of it. */
    async lock(tx: Db, key: Values, only?: SQL): Promise<Rows> {
      if (!only) return lock(tx, key);
      const found = Object.entries(key).map(([column, value]) => eq(columns[column]!, value));
      return update(tx, unchanged, and(...found, only)) as Promise<Rows>;
    },
    /**
     * Writes `changes` to the row that was `before`, if that is still there as it was. Columns that stay are not named:
     * naming one has its indexes written anew.
     */
    replace: (tx: Db, changes: Values, before: Values) =>
      replace(tx, {
        ...changes,
        ...{ [`old ${primary}`]: before[primary], 'old version': before.version, 'old mac': before.mac },
      }),
  };
}
