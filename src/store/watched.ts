import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import type { Store } from './store.ts';

/** How long a write that failed counts when no other one follows, in milliseconds. */
const remembered = 5_000;

/** Told once when a store stops recording, with the reason, and once when it records again. */
export type StoreAlarm = (works: boolean, reason?: KysoError) => void;

/** A store that knows by its writes whether it works. */
export function watched<T>(store: Omit<Store<T>, 'works'>, alarm: StoreAlarm = () => {}): Store<T> {
  let failedAt: number | undefined;
  return {
    ...store,
    async write(work) {
      try {
        const result = await store.write(work);
        if (failedAt !== undefined) alarm(true);
        failedAt = undefined;
        return result;
      } catch (error) {
        // Any other error is the work's own: a refusal, or a mistake of ours.
        if (error instanceof KysoError && error.kind === 'unavailable') {
          if (failedAt === undefined) alarm(false, error);
          failedAt = systemClock.monotonic();
        }
        throw error;
      }
    },
    works: () => failedAt === undefined || systemClock.monotonic() - failedAt > remembered,
  };
}
