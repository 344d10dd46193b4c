import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import type { KernelClock } from './kernel-clock.ts';

/** Seconds by which a timestamp may be wrong: what every token says of itself (RFC 3161 §2.4.2 `accuracy`). */
export const accuracy = 1;

/** How long after a step no timestamp is given, in milliseconds. */
const quiet = 60_000;

/** `stepped`: the wall clock jumped less than a minute ago. `unsynchronised`: no time service keeps it well enough. */
export type ClockState = 'trusted' | 'stepped' | 'unsynchronised';

/** A clock that knows whether its word may be signed (S80). */
export type WatchedClock = Clock & {
  /** To be asked once a second at least: what was put back in between is not noticed. */
  state(): ClockState;
  /** @throws KysoError clockUntrusted — the message says what to do */
  assertTrusted(): void;
};

/**
 * Watches the wall clock against the monotonic one, which a time service slows down and speeds up with it but never
 * sets: they part only when somebody sets the wall clock, or when the machine slept.
 * @param kernel what the kernel says of its clock; without it (in a sandbox) only steps count
 */
export function watchClock(clock: Clock, kernel?: () => KernelClock): WatchedClock {
  const apart = () => clock.now() - clock.monotonic();
  let offset = apart();
  let steppedAt = Number.NEGATIVE_INFINITY;

  function state(): ClockState {
    const now = apart();
    if (Math.abs(now - offset) > accuracy * 1000) {
      offset = now;
      steppedAt = clock.monotonic();
    }
    if (clock.monotonic() - steppedAt < quiet) return 'stepped';
    return kernel && !isKept(kernel()) ? 'unsynchronised' : 'trusted';
  }

  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    state,
    assertTrusted() {
      const found = state();
      if (found !== 'trusted') throw new KysoError('clockUntrusted', advice[found]);
    },
  };
}

const isKept = ({ synchronised, maxError }: KernelClock) => synchronised && maxError <= accuracy * 1000;

const advice = {
  stepped: 'the clock was set less than a minute ago: no timestamps until it has been quiet for that long',
  unsynchronised: `no time service keeps the clock within ${accuracy} s, or ca may not call adjtimex(2): see chronyc tracking, and docs/ca.md`,
} as const;
