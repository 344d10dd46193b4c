import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, pathsOf } from '../config.ts';
import { lockFile } from '../store/lock-file.ts';
import { type Domain, openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import type { StoreAlarm } from '../store/watched.ts';
import { log } from './log.ts';

/**
 * Opens the store of one domain where the configuration says. On both engines one process at a time does so in one
 * directory, since there is one socket: a second one would take it from the first. The operator's log tells when it
 * stops recording, and when it records again.
 * @throws KysoError busy — another process runs in this directory
 */
export async function openDomain<T>(config: Config, domain: Domain<T>): Promise<Store<T>> {
  const own = pathsOf(config).own(domain.name);
  const alarm: StoreAlarm = (works, reason) =>
    log(works ? 'store records again' : 'store does not record', { store: domain.name, ...(reason && { reason }) });
  if (config.store.engine === 'sqlite')
    return openStore(domain, { engine: 'sqlite', file: join(own, 'store.db') }, alarm);
  mkdirSync(own, { recursive: true, mode: 0o700 });
  const lock = lockFile(join(own, 'postgresql'));
  try {
    const store = await openStore(domain, { engine: 'postgresql', url: config.store[domain.name] }, alarm);
    return { ...store, close: () => store.close().finally(() => lock.close()) };
  } catch (error) {
    lock.close();
    throw error;
  }
}
