import { join } from 'node:path';
import type { Test } from 'tap';
import { type Domain, openStore, type StoreLocation } from '../../src/store/open-store.ts';
import type { Engine, Store } from '../../src/store/store.ts';
import { type Cluster, startPostgresql } from './postgresql.ts';

/** Gives a test what it needs to open fresh stores of any domain on one engine. */
export type Stores = {
  engine: Engine;
  location(): Promise<StoreLocation>;
  open<T>(domain: Domain<T>): Promise<Store<T>>;
};

/** Runs `body` once on SQLite and once on PostgreSQL; opened stores are closed at the end of the subtest. */
export async function onBothEngines(t: Test, body: (t: Test, stores: Stores) => Promise<void>): Promise<void> {
  const cluster = await startPostgresql();
  t.teardown(() => cluster.stop());
  for (const engine of ['sqlite', 'postgresql'] as const) {
    await t.test(engine, async (sub) => body(sub, storesFor(sub, engine, cluster)));
  }
}

function storesFor(t: Test, engine: Engine, cluster: Cluster): Stores {
  const directory = t.testdir();
  let files = 0;
  const location = async (): Promise<StoreLocation> => {
    files += 1;
    return engine === 'sqlite'
      ? { engine, file: join(directory, `store-${files}.db`) }
      : { engine, url: await cluster.url() };
  };
  return {
    engine,
    location,
    async open(domain) {
      const store = await openStore(domain, await location());
      t.teardown(() => store.close());
      return store;
    },
  };
}
