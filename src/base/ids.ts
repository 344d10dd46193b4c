import { randomBytes } from 'node:crypto';

/** An unguessable identifier: 128 random bits in base64url, 22 characters (S19). */
export function newId(): string {
  return randomBytes(16).toString('base64url');
}

/**
 * An identifier that sorts by time: 48 bits of epoch milliseconds, then 80 random bits, as 32 hex digits.
 * Only for rows whose order of arrival matters (log leaves); the order within one millisecond is arbitrary.
 */
export function newTimeOrderedId(now: number): string {
  return now.toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
}
