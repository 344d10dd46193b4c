import type { Clock } from './clock.ts';

/**
 * Counts what anybody may bring about any number of times, and has it told once in `pause` milliseconds at most: the
 * first time at once, what came since together with the next.
 */
export function counted({ monotonic }: Clock, pause: number, tell: (count: number) => void): () => void {
  let count = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  return () => {
    count += 1;
    if (monotonic() - toldAt < pause) return;
    tell(count);
    count = 0;
    toldAt = monotonic();
  };
}
