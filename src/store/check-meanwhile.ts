import { Worker } from 'node:worker_threads';
import { KysoError } from '../base/errors.ts';
import type { Store } from './store.ts';

type Unwatched<T> = Omit<Store<T>, 'works'>;

/**
 * Has a SQLite file checked in a thread while its store is served already (S65, design §7). When the file is damaged, or
 * cannot be read, nothing is recorded any more, and every write says why.
 */
export function checkMeanwhile<T>(store: Unwatched<T>, file: string): Unwatched<T> {
  let damage: KysoError | undefined;
  const condemn = (health: unknown) => {
    damage = new KysoError('unavailable', `the store ${file} is damaged (${health}): restore it from a backup`);
  };
  const thread = new Worker(new URL('./check-file.ts', import.meta.url), { workerData: file });
  thread.unref();
  thread.on('message', (health) => health !== 'ok' && condemn(health));
  thread.on('error', (error) => condemn(error.message));
  return {
    ...store,
    write: async (work) => {
      if (damage) throw damage;
      return store.write(work);
    },
    async close() {
      await thread.terminate();
      await store.close();
    },
  };
}
