/**
 * Faults that the kill harness plants into the running signer, from outside (`node --import=…/plants.ts?fault=NAME`), to
 * show that its checker finds them. They sit between Kyso's store and SQLite.
 */
import type Database from 'better-sqlite3';
import { atTransactionControl } from '../helpers/transaction-control.ts';

type Connection = Database.Database;
/** What is done before a commit, and what is told to SQLite in its place. */
type Fault = (connection: Connection) => string;

let signings = 0;

/** Every third commit of a signing: of its intent or of its end. */
function everyThird(connection: Connection): boolean {
  const newest = connection.prepare('SELECT leaf FROM log_leaves ORDER BY position DESC LIMIT 1').get();
  if (!/"event":"sign"/.test(String((newest as { leaf?: string } | undefined)?.leaf))) return false;
  signings += 1;
  return signings % 3 === 0;
}

const faults: Record<string, Fault> = {
  /** Some commits are reported and never made. */
  commitSkipped: (connection) => (everyThird(connection) ? 'ROLLBACK' : 'COMMIT'),
  /** The hashes of a signing are left as if nobody had spent them. */
  rowUnspent(connection) {
    const unspent = 'UPDATE authorizations SET remaining = total, spent = zeroblob(length(spent))';
    const newest = 'SELECT authorization_id FROM signings ORDER BY rowid DESC LIMIT 1';
    if (everyThird(connection)) connection.exec(`${unspent} WHERE id = (${newest})`);
    return 'COMMIT';
  },
  /** The log loses the newest leaf. */
  leafDropped(connection) {
    if (everyThird(connection))
      connection.exec('DELETE FROM log_leaves WHERE position = (SELECT max(position) FROM log_leaves)');
    return 'COMMIT';
  },
};

const fault = faults[new URL(import.meta.url).searchParams.get('fault') ?? ''];
if (!fault) throw new Error(`plants.ts?fault=${Object.keys(faults).join('|')}`);

if (process.argv[2] === 'signer')
  atTransactionControl((connection, statement) => (statement === 'COMMIT' ? fault(connection) : statement));
