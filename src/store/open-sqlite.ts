import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { recent } from '../base/recent.ts';
import { storeFailure } from './failure.ts';
import type { Store, Tx, Verbs } from './store.ts';

const require = createRequire(import.meta.url);
const { drizzle } = require('drizzle-orm/better-sqlite3') as typeof import('drizzle-orm/better-sqlite3');

/** How many waiting transactions may share one commit. More would only lengthen what each of them waits. */
const maxGroup = 64;

/** How long a connection waits for a lock of another process, in milliseconds. */
const busyTimeout = 5_000;

/**
 * Where so many shared a commit, as under full load, others are on their way: the next one waits some milliseconds for
 * them. A commit costs as much as three transactions, and what is answered together wakes the other processes once.
 * Longer, token workers would wait for work.
 */
const crowd = 8;
const gathering = 8;

/** A connection with the settings of design §7: WAL, every commit on disk before it is reported, deleted means wiped. */
export function connectSqlite(file: string, options: { readonly?: boolean } = {}): Database.Database {
  const db = new Database(file, { timeout: busyTimeout, ...options });
  try {
    db.pragma('foreign_keys = ON');
    if (!options.readonly) {
      const journal = db.pragma('journal_mode = WAL', { simple: true });
      if (journal !== 'wal')
        throw new KysoError('configuration', `${file} cannot have a write-ahead log: put it on a local disk`);
      db.pragma('synchronous = FULL');
      db.pragma('secure_delete = ON');
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** `ok`, or the first damage that SQLite finds when it reads the whole file, in one line. */
export function healthOf(db: Database.Database): string {
  return String(db.pragma('quick_check(1)', { simple: true })).replaceAll(/\s*\n\s*/g, ' ');
}

/** How many compiled statements a connection keeps. */
const statements = 300;

/** Compiling a statement costs more than running it, and a query that is built anew has the same text as the last time. */
function rememberStatements(db: Database.Database): void {
  const compile = db.prepare.bind(db);
  db.prepare = recent(statements, (text) => compile(text)) as typeof db.prepare;
}

/** Empties the write-ahead log. Whoever reads in it is not waited for, since everybody else would wait, too. */
function truncate(db: Database.Database): void {
  db.pragma('busy_timeout = 0');
  try {
    const [answer] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    if (answer?.busy !== 0)
      throw new KysoError('unavailable', 'the write-ahead log is being read, and was not emptied');
  } finally {
    db.pragma(`busy_timeout = ${busyTimeout}`);
  }
}

type Job = { run: () => Promise<void>; settle: (failure?: unknown) => void; error?: unknown };

/**
 * Opens a domain's SQLite file, which must already be migrated. One writer connection, a queue of transactions that
 * share commits, and a second read-only connection so that reads never see what is not committed.
 */
export function openSqlite<T>(file: string, tables: unknown): Omit<Store<T>, 'works'> {
  const writer = connectSqlite(file);
  const reader = connectSqlite(file, { readonly: true });
  const queue: Job[] = [];
  const between: (() => void)[] = [];
  let draining: Promise<void> | undefined;
  let closed = false;

  rememberStatements(writer);
  rememberStatements(reader);
  const [begin, commit] = [writer.prepare('BEGIN IMMEDIATE'), writer.prepare('COMMIT')];
  const [mark, release] = [writer.prepare('SAVEPOINT job'), writer.prepare('RELEASE job')];

  // The one cast of the store: SQLite's builders take the same calls and are awaitable, so the PostgreSQL text runs on them.
  const tx = (db: Database.Database): Tx<T> => ({
    db: drizzle(db) as unknown as Verbs,
    t: tables as T,
    engine: 'sqlite',
  });
  const writeTx = tx(writer);

  async function commitGroup(group: Job[]): Promise<void> {
    try {
      if (writer.inTransaction) writer.exec('ROLLBACK');
      begin.run();
      const [only] = group;
      if (only && group.length === 1) await only.run();
      else for (const job of group) await runInSavepoint(job);
      await failpoint('store.uncommitted');
      commit.run();
    } catch (error) {
      rollBack();
      const failure = storeFailure(error);
      for (const job of group) job.settle(failure);
      return;
    }
    await failpoint('store.committed');
    for (const job of group) job.settle(job.error);
  }

  /** One that fails must not end the queue: the next group tries it again, and is not recorded while it fails. */
  function rollBack(): void {
    try {
      if (writer.inTransaction) writer.exec('ROLLBACK');
    } catch {}
  }

  async function runInSavepoint(job: Job): Promise<void> {
    mark.run();
    try {
      await job.run();
      release.run();
    } catch (error) {
      // SQLITE_FULL and the like end the whole transaction, not only the savepoint (tried): then nobody was recorded.
      if (!writer.inTransaction) throw error;
      writer.exec('ROLLBACK TO job; RELEASE job');
      job.error = storeFailure(error);
    }
  }

  async function drain(): Promise<void> {
    while (queue.length + between.length > 0) {
      // Between two groups no transaction is open.
      for (const work of between.splice(0)) work();
      const group = queue.splice(0, maxGroup);
      if (group.length > 0) await commitGroup(group);
      if (group.length >= crowd && queue.length < maxGroup && !closed) await delay(gathering);
    }
    draining = undefined;
  }

  return {
    read: tx(reader),
    write: <R>(work: (tx: Tx<T>) => Promise<R>) =>
      new Promise<R>((resolve, reject) => {
        if (closed) return reject(new KysoError('unavailable', 'the store is closed'));
        let value: R;
        queue.push({
          run: async () => {
            value = await work(writeTx);
          },
          settle: (failure) => (failure === undefined ? resolve(value) : reject(failure)),
        });
        // Starts in a later turn, so that requests which arrive together share the commit.
        draining ??= new Promise<void>((start) => setImmediate(start)).then(drain);
      }),
    truncateLog: () =>
      new Promise<void>((resolve, reject) => {
        if (closed) return resolve();
        between.push(() => {
          try {
            truncate(writer);
            resolve();
          } catch (error) {
            reject(storeFailure(error));
          }
        });
        draining ??= new Promise<void>((start) => setImmediate(start)).then(drain);
      }),
    async close() {
      closed = true;
      await draining;
      reader.close();
      writer.close();
    },
  };
}
