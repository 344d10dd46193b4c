import { randomFillSync } from 'node:crypto';

/** Random bytes in store: asking the generator for each id costs five times as much. None is used twice. */
const pool = Buffer.alloc(4096);
let used = pool.length;

function fresh(count: number): Buffer {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}

/** An unguessable identifier: 128 random bits in base64url, 22 characters (S19). */
export function newId(): string {
  return fresh(16).toString('base64url');
}

/** The same, but its first 48 bits are epoch milliseconds: of a request's id one sees when it came. */
export function newRequestId(now: number): string {
  const id = Buffer.from(fresh(16));
  id.writeUIntBE(now, 0, 6);
  return id.toString('base64url');
}

/** When a request came, in epoch milliseconds; of any other text that is as long, something meaningless. */
export function timeOfRequest(id: string): number | undefined {
  const bytes = Buffer.from(id, 'base64url');
  return bytes.length === 16 ? bytes.readUIntBE(0, 6) : undefined;
}

/**
 * An identifier that sorts by time: 48 bits of epoch milliseconds, then 80 random bits, as 32 hex digits.
 * Only for rows whose order of arrival matters (log leaves); the order within one millisecond is arbitrary.
 */
export function newTimeOrderedId(now: number): string {
  return now.toString(16).padStart(12, '0') + fresh(10).toString('hex');
}

/** Sorts before every id that `newTimeOrderedId` makes at this instant or later. */
export function firstTimeOrderedId(now: number): string {
  return now.toString(16).padStart(12, '0');
}
