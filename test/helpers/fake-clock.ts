import type { Clock } from '../../src/base/clock.ts';

/** Where the clocks of tests begin: well inside a TOTP step. */
export const start = Date.UTC(2026, 10, 2, 3, 0, 10);

/** A clock whose two hands move only when they are told to. `step` moves the wall clock alone. */
export type FakeClock = Clock & { advance(milliseconds: number): void; step(milliseconds: number): void };

export function fakeClock(now = start): FakeClock {
  let wall = now;
  let monotonic = 1_000;
  return {
    now: () => wall,
    monotonic: () => monotonic,
    advance(milliseconds) {
      wall += milliseconds;
      monotonic += milliseconds;
    },
    step(milliseconds) {
      wall += milliseconds;
    },
  };
}
