import { join } from 'node:path';
import { type Config, pathsOf } from '../config.ts';
import { type Domain, openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';

/** Opens the store of one domain where the configuration says. */
export function openDomain<T>(config: Config, domain: Domain<T>): Promise<Store<T>> {
  const { store } = config;
  const location =
    store.engine === 'sqlite'
      ? ({ engine: 'sqlite', file: join(pathsOf(config).own(domain.name), 'store.db') } as const)
      : ({ engine: 'postgresql', url: store[domain.name] } as const);
  return openStore(domain, location);
}
