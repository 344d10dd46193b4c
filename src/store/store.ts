import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';

export type Engine = 'sqlite' | 'postgresql';

/** The four verbs that both engines answer with the same text; nothing else of drizzle is used for queries. */
export type Verbs = Pick<PgDatabase<PgQueryResultHKT>, 'select' | 'insert' | 'update' | 'delete'>;

/** What a query function gets: the verbs, the tables of its domain, and which engine stands behind them. */
export type Tx<T> = { db: Verbs; t: T; engine: Engine };

/** One domain's store. `T` is its PostgreSQL table set; SQLite's has the same columns (`same-rows.ts` proves it). */
export type Store<T> = {
  /** Reads what is committed. */
  read: Tx<T>;
  /**
   * Runs `work` in one transaction and resolves when the commit is durable; any rejection rolls all of it back.
   * Nothing but queries may be awaited inside: on SQLite every other writer waits for this one.
   * @throws KysoError unavailable — the store did not record it (busy, full, read-only, connection lost)
   */
  write<R>(work: (tx: Tx<T>) => Promise<R>): Promise<R>;
  /**
   * SQLite: empties the write-ahead log, so that what was deleted or overwritten is in no file any more. PostgreSQL keeps
   * old rows until its own vacuum: there, what must go has to be sealed.
   * @throws KysoError unavailable — somebody reads in it: try again
   */
  truncateLog(): Promise<void>;
  /** False from a write that was not recorded until one is, or for some seconds when there is no other. */
  works(): boolean;
  close(): Promise<void>;
};
