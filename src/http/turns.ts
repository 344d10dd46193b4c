import { KysoError } from '../base/errors.ts';
import { limit } from '../base/limit.ts';

/**
 * Runs jobs of one key at most `abreast` at a time, in the order of their coming; those of other keys do not wait for
 * them. At most `each` of one key and `all` altogether are in line or under way.
 * @throws KysoError busy — the line is full; the job did not run
 */
export function turns({ abreast, each, all }: { abreast: number; each: number; all: number }) {
  const lines = new Map<string, { run: ReturnType<typeof limit>; standing: number }>();
  let standing = 0;
  return async <T>(key: string, job: () => Promise<T>): Promise<T> => {
    const line = lines.get(key) ?? { run: limit(abreast), standing: 0 };
    if (standing >= all || line.standing >= each) throw new KysoError('busy', 'too many at once');
    lines.set(key, line);
    standing += 1;
    line.standing += 1;
    try {
      return await line.run(job);
    } finally {
      standing -= 1;
      line.standing -= 1;
      if (line.standing === 0) lines.delete(key);
    }
  };
}
