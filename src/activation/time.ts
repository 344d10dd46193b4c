import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';

/** A wall clock may move this far against the monotonic clock before nothing is authorized any more (design §4). */
const tolerance = 60_000;

/** Time that does not run backwards, and that stops authorizing when the machine's clock jumps (S8, S63). */
export type TrustedTime = {
  /**
   * Epoch milliseconds: never less than what was persisted or seen before. After a step the monotonic clock alone
   * counts on, so that a wall clock that was wrong for a moment does not stand in the store as the time.
   */
  now(): number;
  isTrusted(): boolean;
  /** @throws KysoError clockUntrusted — the wall clock stepped by over 60 s since the signer started */
  assertTrusted(): void;
  /** Hands a step to `report`, in milliseconds, once: again only when reporting failed. */
  reportStep(report: (milliseconds: number) => Promise<void>): Promise<void>;
};

/**
 * A store may not have seen a time that is not yet.
 * @throws KysoError clockUntrusted — it is over 60 s ahead of the clock; the message names both ways out
 */
export function assertNotAhead(clock: Clock, lastInstant: number): void {
  if (lastInstant - clock.now() <= tolerance) return;
  const [seen, now] = [lastInstant, clock.now()].map((instant) => new Date(instant).toISOString());
  throw new KysoError(
    'clockUntrusted',
    `the clock says ${now}, but this store has seen ${seen}: set the clock right; if the store's time is the wrong one, run "kyso signer restored"`,
  );
}

/** @param floor the last instant that the store knows; 0 for a new store */
export function trustedTime(clock: Clock, floor: number): TrustedTime {
  const offset = clock.now() - clock.monotonic();
  let last = floor;
  let step: number | undefined;
  let reported = false;

  function look(): number {
    const wall = clock.now();
    const steady = clock.monotonic() + offset;
    if (Math.abs(wall - steady) > tolerance) step ??= wall - steady;
    else if (last - wall > tolerance) step ??= wall - last;
    last = Math.max(last, step === undefined ? wall : steady);
    return last;
  }
  function isTrusted(): boolean {
    look();
    return step === undefined;
  }
  return {
    now: look,
    isTrusted,
    assertTrusted() {
      if (!isTrusted())
        throw new KysoError('clockUntrusted', 'the clock stepped by over 60 s: set it right and restart the signer');
    },
    async reportStep(report) {
      if (isTrusted() || reported || step === undefined) return;
      await report(step);
      reported = true;
    },
  };
}
