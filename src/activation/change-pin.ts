import { equalBytes, wipe } from '../base/bytes.ts';
import { KysoError, kindOf } from '../base/errors.ts';
import type { Params } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Subscriber, Vault } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { activatedHolder, clearPin, findHolder } from './holder.ts';
import { assertLive } from './key-versions.ts';
import { announce } from './notices.ts';
import { assertGoodPin, openWithPin, pinBytes } from './pin.ts';
import { sealVault } from './vault.ts';

/** How often a vault may change under a change of its PIN. */
const mostTries = 3;

type Request = Params<SignerContract, 'account.changePin'>;

/**
 * Seals the vault under a new PIN, which opens all keys of the person at once; the old one opens it for that, with its
 * try counted before (S42). Of several changes at a time one counts.
 * @throws KysoError pinInvalid — the old PIN is wrong, or was changed meanwhile; pinLocked; pinRefused — the new one is
 *   not good, or is the old one; activationInvalid — the account has no PIN yet; tokenUnavailable; integrity
 */
export async function changePin(signer: Signer, request: Request): Promise<Record<string, never>> {
  const { person } = await activatedHolder(signer, request.subscriber);
  const oldPin = pinBytes(request.pin);
  const newPin = pinBytes(request.newPin);
  let privateKey: Buffer | undefined;
  try {
    // A vault that was sealed anew meanwhile is opened again: either under the same PIN, or the PIN was changed.
    for (let changed = false, tries = 1; !changed; tries += 1) {
      const { vault } = await activatedHolder(signer, request.subscriber);
      wipe(privateKey);
      privateKey = await openWithPin(signer, vault, oldPin, request.request);
      await assertNewPin(signer, person, request, equalBytes(oldPin, newPin));
      changed = await reseal(signer, request, { vault, privateKey, newPin });
      if (!changed && tries === mostTries)
        throw new KysoError('busy', 'the vault changes faster than it can be sealed');
    }
  } finally {
    wipe(oldPin, newPin, privateKey);
  }
  return {};
}

/** Not before the old PIN was right: what a PIN must not contain would tell strangers about the holder. */
async function assertNewPin(signer: Signer, person: Subscriber, { newPin }: Request, same: boolean): Promise<void> {
  try {
    assertGoodPin(newPin, person);
    if (same) throw new KysoError('pinRefused', 'the new PIN is the old one');
  } catch (error) {
    // The old one was right: whoever looks for a good new one is not locked out by that.
    if (kindOf(error) === 'pinRefused') await signer.store.write((tx) => clearPin(signer, tx, person.id));
    throw error;
  }
}

/** False when the vault was sealed anew since it was read. */
async function reseal(
  signer: Signer,
  { subscriber, request }: Request,
  { vault, privateKey, newPin }: { vault: Vault; privateKey: Buffer; newPin: Buffer },
): Promise<boolean> {
  const { publicKey, version } = vault;
  const sealing = await sealVault(signer, subscriber, { publicKey, privateKey }, newPin, 'pin');
  return signer.store.write(async (tx) => {
    await assertLive(signer, tx, 'pepper', sealing.pepper);
    const current = await signer.rows.vaults.lock(tx, { subscriber, version });
    if (!current) return false;
    await signer.rows.vaults.replace(tx, current, sealing);
    await clearPin(signer, tx, subscriber);
    await announce(signer, tx, await findHolder(signer, tx, subscriber), { template: 'pinChanged' });
    await record(signer, tx, { event: 'pin.changed', actor: 'api', result: 'done', subscriber, request });
    return true;
  });
}
