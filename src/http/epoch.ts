import type { Clock } from '../base/clock.ts';
import type { Peer } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { revokeAllGrants } from '../store/api/grants.ts';
import { putSetting, readSetting } from '../store/api/settings.ts';
import type { ApiStore } from '../store/api/tables.ts';

const name = 'signer epoch';

/**
 * Ends all logins when signer's store has begun another life since the last look (S69): what this store knows of them may
 * be newer or older than what signer does. The first epoch that it hears of ends nothing.
 * @throws KysoError unavailable — signer is away
 */
export async function followEpoch(store: ApiStore, signer: Peer<SignerContract>, clock: Clock): Promise<void> {
  const { epoch } = await signer.call('epoch', {});
  if ((await readSetting(store.read, name)) === epoch) return;
  await store.write(async (tx) => {
    const known = await readSetting(tx, name);
    if (known === epoch) return;
    if (known !== undefined) await revokeAllGrants(tx, clock.now());
    await putSetting(tx, name, epoch);
  });
}
