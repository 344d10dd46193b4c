const minute = 60_000;

/** The end of a lock that nobody waits for. */
export const forEver = Number.MAX_SAFE_INTEGER;

/** Minutes of lock after the 5th, 6th, … consecutive failure; the last value repeats. */
const lockMinutes = [1, 5, 15, 60];
const freeTries = 4;

/** The longest lock that ends by itself, in milliseconds. */
export const longestLock = 60 * minute;

/** How many consecutive failures end a factor for good (S42: at most 10 for the PIN, at most 100 absolute). */
export const failureLimits = { pin: 10, otp: 100, activation: 10 } as const;

/** Until when a factor is locked after `failures` consecutive failures, in epoch milliseconds; 0: not at all. */
export function lockedUntil(failures: number, limit: number, now: number): number {
  if (failures >= limit) return forEver;
  if (failures <= freeTries) return 0;
  const step = Math.min(failures - freeTries, lockMinutes.length) - 1;
  return now + lockMinutes[step]! * minute;
}
