/** Runs at most `most` of the given jobs at once; the others wait in the order in which they came. */
export function limit(most: number): <T>(job: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (job) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await job();
    } finally {
      // A waiting job takes over this one's place; only when nobody waits does the place become free.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
