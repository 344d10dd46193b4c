import { systemClock } from '../base/clock.ts';
import { pemOf } from '../ca/authorities.ts';
import { beginEpoch } from '../ca/begin-epoch.ts';
import { assertTokenOfStore } from '../ca/own-token.ts';
import { type Config, pathsOf } from '../config.ts';
import type { Share } from '../crypto/shares.ts';
import type { Backup } from '../hsm/backup-file.ts';
import { caDomain } from '../store/ca/tables.ts';
import { authoritiesUnsealed } from '../store/ca/unsealed.ts';
import { writePublic } from './made.ts';
import { openDomain } from './stores.ts';
import { discardToken, restoreToken } from './token-backup.ts';
import { handOver, tierFor } from './users.ts';

/**
 * `kyso ca restore`: the keys of a backup in a fresh token, for a store that is there or was restored beside it; a new
 * epoch begins (S69). A token that turns out not to be of this store is taken away again.
 * @throws KysoError configuration — a token is there; the shares do not open this backup; the store is none of its keys'
 */
export async function restoreCa(config: Config, backup: Backup, shares: Share[]): Promise<void> {
  const { tier } = tierFor(config.directory);
  const paths = pathsOf(config);
  const token = await restoreToken(config, 'ca', tier, { backup, shares });
  const store = await openDomain(config, caDomain);
  try {
    await assertTokenOfStore(store, token, systemClock);
    const { feedKey } = await beginEpoch({ store, token, clock: systemClock, why: 'restored from a backup' });
    writePublic(paths.feedKey, feedKey);
    writePublic(paths.rootCertificate, pemOf(await authoritiesUnsealed(store.read), 'root'));
  } catch (error) {
    discardToken(config, 'ca');
    throw error;
  } finally {
    await token.stop();
    await store.close();
  }
  writePublic(paths.caBackup, JSON.stringify(backup));
  handOver(paths.own('ca'), 'ca', tier);
}
