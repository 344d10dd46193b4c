import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { CaStore } from '../store/ca/tables.ts';
import { type CaToken, residentKey } from './ca-token.ts';
import { openRows, record, settingNames } from './context.ts';
import { tokenLabels } from './kinds.ts';

/**
 * Says that this store, as it is, counts from now on, though it may be older than what was (S69). What the lost
 * life signed stays valid; each shard gets a new CRL at once, since
 * its newest may be lost. The number is above all that were given, since none is lower than the time of its CRL (S78).
 * @throws KysoError configuration — the store has no authority, or was not made with these keys
 */
export async function beginEpoch(parts: {
  store: CaStore;
  token: CaToken;
  clock: Clock;
  why: string;
}): Promise<{ feedKey: Buffer }> {
  const { store, token, clock, why } = parts;
  const rows = await openRows(store, token);
  const epoch = newId();
  await store.write(async (tx) => {
    const old = await rows.settings.lock(tx, { name: settingNames.epoch }).catch((cause: unknown) => {
      throw new KysoError('configuration', 'this store was not made with these keys', { cause });
    });
    if (!old) throw new KysoError('configuration', 'there is no certification authority in this store');
    await rows.settings.replace(tx, old, { value: epoch });
    for (const { id } of await rows.crlShards.list(tx, {})) {
      const shard = await rows.crlShards.lock(tx, { id });
      if (shard) await rows.crlShards.replace(tx, shard, { inForce: 0 });
    }
    const detail = { before: old.value, why };
    await record({ clock, epoch }, tx, { event: 'epoch.begun', result: 'done', detail });
  });
  return { feedKey: (await residentKey(token, tokenLabels.feed)).spki };
}
