import { createHash, hash, timingSafeEqual } from 'node:crypto';

/** SHA-256 of the concatenation of `parts` (strings as UTF-8), 32 bytes. */
export function sha256(...parts: (string | Uint8Array)[]): Buffer {
  const [first = ''] = parts;
  if (parts.length <= 1) return hash('sha256', first, 'buffer');
  const whole = createHash('sha256');
  for (const part of parts) whole.update(part);
  return whole.digest();
}

/** Constant-time equality; byte strings of different length are unequal (lengths are not secret here). */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Overwrites secrets that are no longer needed (S4). Strings cannot be wiped: keep secrets in buffers. */
export function wipe(...secrets: (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}
