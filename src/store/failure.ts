import { KysoError } from '../base/errors.ts';

/**
 * What a failed query or commit means to the caller. A broken constraint is a mistake of ours or a lost race and comes
 * out as it is; everything else that a database says (busy, full, read-only, gone) means that nothing was recorded.
 */
export function storeFailure(error: unknown): unknown {
  const code = databaseCode(error);
  if (error instanceof KysoError || code === undefined) return error;
  const constraint = code.startsWith('SQLITE_CONSTRAINT') || /^23/.test(code);
  return constraint ? error : new KysoError('unavailable', 'the store did not record the change', { cause: error });
}

/** True when a query failed because a unique or other constraint said no. */
export function isConflict(error: unknown): boolean {
  const code = databaseCode(error);
  return code !== undefined && (code.startsWith('SQLITE_CONSTRAINT') || /^23/.test(code));
}

/** The driver's code (SQLITE_…, SQLSTATE, or ECONN…), from under drizzle's wrapper; pg has none for a lost connection. */
function databaseCode(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ('code' in current && typeof current.code === 'string') return current.code;
    if (/connection|timeout exceeded/i.test(current.message) && !(current instanceof KysoError)) return 'CONNECTION';
  }
  return undefined;
}
