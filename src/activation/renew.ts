import { parseCost } from '../crypto/argon2.ts';
import type { Key, Vault } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { holdVersion } from './key-versions.ts';
import { rewrapKey } from './keys.ts';
import { noteKeyKind } from './usable-keys.ts';
import { sealVault } from './vault.ts';

/** What a right PIN has just opened. `key`: the one it was opened for; without it nobody knows yet how the keys stand. */
export type Opened = { vault: Vault; privateKey: Buffer; pin: Buffer; key?: Key };

/**
 * Brings what a PIN has opened to today's state, at the one moment when that is possible: the person's keys under the
 * current KEK (S57), the vault under the current pepper and today's cost of a guess (S46). It never fails what the PIN
 * was for: whatever keeps it from being done is reported, and the next time will do.
 */
export async function renew(signer: Signer, opened: Opened): Promise<void> {
  const { kek } = signer.versions;
  try {
    if (opened.key?.kek !== kek.current) await renewKeys(signer, opened);
    if (isOutdated(signer, opened.vault)) await renewVault(signer, opened);
  } catch (error) {
    signer.onError(error);
  }
}

function isOutdated({ versions, pinCost }: Signer, { pepper, kdf }: Vault): boolean {
  const cost = parseCost(kdf);
  return pepper !== versions.pepper.current || cost.memory < pinCost.memory || cost.passes < pinCost.passes;
}

/** All keys of the person: the vault opens each of them. */
async function renewKeys(signer: Signer, opened: Opened): Promise<void> {
  const { rows, store } = signer;
  const credentials = await rows.credentials.list(store.read, { subscriber: opened.vault.subscriber });
  for (const credential of credentials) {
    // Further keys, too, whose certificate is still to come.
    for (const key of await rows.keys.list(store.read, { credential: credential.id }))
      if (key.endedAt === null && key.kek !== signer.versions.kek.current) await renewKey(signer, opened, key);
  }
}

async function renewKey(signer: Signer, { vault, privateKey }: Opened, { id, subscriber, version, ...key }: Key) {
  const to = signer.versions.kek.current;
  const changes = await rewrapKey(signer, { id, subscriber, version, ...key }, to, { vault, privateKey });
  await signer.store.write(async (tx) => {
    if (!(await holdVersion(signer, tx, 'kek', to))) return;
    // Somebody else may have done the same meanwhile.
    const current = await signer.rows.keys.lock(tx, { id, version });
    if (!current) return;
    await noteKeyKind(signer, tx, { keyType: key.keyType, mechanism: changes.mechanism });
    await signer.rows.keys.replace(tx, current, changes);
    const detail = { key: id, from: key.kek, to };
    const { credential } = key;
    await record(signer, tx, {
      event: 'key.rewrapped',
      actor: 'signer',
      result: 'done',
      subscriber,
      credential,
      detail,
    });
  });
}

async function renewVault(signer: Signer, { vault, privateKey, pin }: Opened): Promise<void> {
  const { subscriber, version, publicKey } = vault;
  const sealing = await sealVault(signer, subscriber, { publicKey, privateKey }, pin, 'pin');
  await signer.store.write(async (tx) => {
    if (!(await holdVersion(signer, tx, 'pepper', sealing.pepper))) return;
    const current = await signer.rows.vaults.lock(tx, { subscriber, version, openedBy: 'pin' });
    if (!current) return;
    await signer.rows.vaults.replace(tx, current, sealing);
    const detail = { pepper: sealing.pepper, kdf: sealing.kdf };
    await record(signer, tx, { event: 'vault.resealed', actor: 'signer', result: 'done', subscriber, detail });
  });
}
