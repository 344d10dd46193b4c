import Database from 'better-sqlite3';

type Connection = Database.Database;
type Run = (this: Database.Statement, ...parameters: unknown[]) => Database.RunResult;

const control = /^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)/;

/**
 * Asks `before` at each statement that controls a transaction of SQLite, in this whole process: what it answers is
 * executed in its place, what it throws is what SQLite is said to have thrown. Returns how to end it.
 */
export function atTransactionControl(before: (connection: Connection, statement: string) => string): () => void {
  const { exec } = Database.prototype;
  const prepared = Object.getPrototypeOf(new Database(':memory:').prepare('COMMIT')) as { run: Run };
  const { run } = prepared;
  let asking = false;

  function ask(connection: Connection, statement: string): string {
    // What `before` executes itself is not asked about.
    if (asking || !control.test(statement)) return statement;
    asking = true;
    try {
      return before(connection, statement);
    } finally {
      asking = false;
    }
  }

  Database.prototype.exec = function (this: Connection, text: string) {
    return exec.call(this, ask(this, text));
  };
  prepared.run = function (...parameters) {
    const instead = ask(this.database, this.source);
    if (instead === this.source) return run.apply(this, parameters);
    exec.call(this.database, instead);
    return { changes: 0, lastInsertRowid: 0 };
  };
  return () => {
    Database.prototype.exec = exec;
    prepared.run = run;
  };
}
