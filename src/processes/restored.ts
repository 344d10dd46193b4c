import { rmSync } from 'node:fs';
import { beginEpoch } from '../activation/begin-epoch.ts';
import { readEpoch } from '../activation/epochs.ts';
import { openRows } from '../activation/initialise.ts';
import { type Mark, markOf } from '../activation/watermark.ts';
import { systemClock } from '../base/clock.ts';
import { type Config, pathsOf } from '../config.ts';
import { signerDomain } from '../store/signer/tables.ts';
import { readPin } from './secrets.ts';
import { openDomain } from './stores.ts';
import { openToken } from './tokens.ts';
import { handOver, tierFor } from './users.ts';

/**
 * `kyso signer restored`: the store of a stopped signer counts as it is from now on, in a new epoch, if `confirm` says so
 * to how far it has come.
 * @throws KysoError configuration — it is not of this token; busy — the signer runs
 */
export async function declareRestored(config: Config, confirm: (store: Mark) => Promise<boolean>): Promise<boolean> {
  const paths = pathsOf(config);
  const store = await openDomain(config, signerDomain);
  const token = await openToken(config, 'signer', readPin(config, 'signer'));
  try {
    const { rows } = await openRows(store, token);
    if (!(await confirm(await markOf(store, rows, await readEpoch(rows, store.read))))) return false;
    await beginEpoch({ store, token, clock: systemClock, why: 'declared by the operator' });
    rmSync(paths.watermark, { force: true });
    return true;
  } finally {
    await token.stop();
    await store.close();
    handOver(paths.own('signer'), 'signer', tierFor(config.directory).tier);
  }
}
