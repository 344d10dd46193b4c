import { type ErrorKind, KysoError } from '../base/errors.ts';
import { storeFailure } from '../store/failure.ts';

/** What the transport already decided, where the kind alone does not say it. */
export type TransportStatus = 400 | 413 | 415;

/** What went wrong, in Kyso's words, for every value that a handler or Fastify itself may throw. */
export type Fault = { kind: ErrorKind; status?: TransportStatus };

/**
 * Fastify's own errors below 500 are the client's doing; its 503 is a handler that took too long or a server that is
 * closing. Anything that nobody foresaw is `internal`.
 */
export function faultOf(thrown: unknown): Fault {
  // A read that failed because the database is away is an outage, as a write is.
  const error = storeFailure(thrown);
  if (error instanceof KysoError) return { kind: error.kind };
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  if (status === 413 || status === 415) return { kind: 'requestInvalid', status };
  if (typeof status === 'number' && status >= 400 && status < 500) return { kind: 'requestInvalid', status: 400 };
  return { kind: status === 503 ? 'unavailable' : 'internal' };
}
