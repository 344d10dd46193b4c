import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';

/** A wall clock may move this far against the monotonic clock before nothing is authorized any more (design §4). */
const tolerance = 60_000;

/** Time that does not run backwards, and that stops authorizing when the machine's clock jumps (S8, S63). */
export type TrustedTime = {
  /** Epoch milliseconds: never less than what was persisted or seen before. */
  now(): number;
  /** @throws KysoError clockUntrusted — the wall clock stepped by over 60 s since the signer started */
  assertTrusted(): void;
};

/** @param floor the last instant that the store knows; 0 for a new store */
export function trustedTime(clock: Clock, floor: number): TrustedTime {
  const offset = clock.now() - clock.monotonic();
  let last = floor;
  let stepped = false;
  const now = () => {
    last = Math.max(last, clock.now());
    return last;
  };
  return {
    now,
    assertTrusted() {
      const drift = Math.abs(clock.now() - clock.monotonic() - offset);
      stepped ||= drift > tolerance || last - clock.now() > tolerance;
      if (stepped)
        throw new KysoError('clockUntrusted', 'the clock stepped by over 60 s: set it right and restart the signer');
    },
  };
}
