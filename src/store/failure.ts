import { KysoError } from '../base/errors.ts';

const constraint = /^(SQLITE_CONSTRAINT|23)/;
/** Codes that say that a statement or an argument of ours is wrong: they must be seen as faults, not tried again. */
const mistake = /^(SQLITE_(ERROR|MISUSE|MISMATCH|RANGE|TOOBIG)|22|42|0A)/;
/** SQLite's codes, and SQLSTATE with the classes that PostgreSQL has; not the EPERM or ENOENT of a file. */
const ofDatabase = /^(SQLITE_\w+|([0-5][0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3})$/;
const ofNetwork = /^(ECONN\w+|ETIMEDOUT|EPIPE|EHOST\w+|ENET\w+|ENOTFOUND|EAI_AGAIN)$/;

/**
 * What a failed query or commit means to the caller. A broken constraint is a mistake of ours or a lost race and comes
 * out as the driver's error, as do other mistakes; everything else that a database says (busy, full, read-only, gone)
 * means that nothing was recorded. drizzle's own error is left out: its message holds every parameter of the query (S26).
 */
export function storeFailure(error: unknown): unknown {
  const found = driverError(error);
  if (error instanceof KysoError || found === undefined) return error;
  if (constraint.test(found.code) || mistake.test(found.code)) return found.error;
  return new KysoError('unavailable', 'the store did not record the change', { cause: found.error });
}

/** True when a query failed because a unique or other constraint said no. */
export function isConflict(error: unknown): boolean {
  return constraint.test(driverError(error)?.code ?? '');
}

type DriverError = { error: Error; code: string };

/** The driver's error and code, from under drizzle's. pg has no code for a lost connection; a missing socket is ENOENT. */
function driverError(error: unknown): DriverError | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    const { code, syscall } = current as { code?: unknown; syscall?: unknown };
    if (typeof code === 'string') {
      const known = ofDatabase.test(code) || ofNetwork.test(code) || syscall === 'connect';
      return known ? { error: current, code } : undefined;
    }
    if (isQueryError(current) || current instanceof KysoError) continue;
    if (/connection|timeout exceeded/i.test(current.message)) return { error: current, code: 'CONNECTION' };
  }
  return undefined;
}

/** drizzle's wrapper. Its message is the text of the query, which says nothing about the connection. */
function isQueryError(error: Error): boolean {
  return 'query' in error && 'params' in error;
}
