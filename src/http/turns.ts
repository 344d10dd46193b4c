import { KysoError } from '../base/errors.ts';

/**
 * Runs jobs of one key one after another, in order; other keys do not wait for them. At most `most` jobs stand in line
 * altogether.
 * @throws KysoError busy — the line is full; the job did not run
 */
export function turns(most: number): <T>(key: string, job: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  let standing = 0;
  return async (key, job) => {
    if (standing >= most) throw new KysoError('busy', 'too many at once');
    standing += 1;
    const before = last.get(key) ?? Promise.resolve();
    const mine = before.then(job, job);
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      standing -= 1;
      if (last.get(key) === mine) last.delete(key);
    }
  };
}
