import { join } from 'node:path';
import type { Test } from 'tap';
import type { Stores } from './stores.ts';

/** SQLite stores for a file whose rules have nothing to do with the engine. */
export function storesIn(t: Test): Pick<Stores, 'location'> {
  const directory = t.testdir();
  let files = 0;
  return {
    async location() {
      files += 1;
      return { engine: 'sqlite', file: join(directory, `store-${files}.db`) };
    },
  };
}
