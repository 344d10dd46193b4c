import { KysoError } from '../base/errors.ts';
import type { SignerTx, Subscriber, Vault } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';
import { pinCleared } from './pin.ts';

/**
 * The person whom api names as the one who asks.
 * @throws KysoError integrity — api has a login of somebody who is not here: its store and this one do not belong together
 */
export async function findHolder({ rows }: Signer, tx: SignerTx, subscriber: string): Promise<Subscriber> {
  return assertKnown(await rows.subscribers.find(tx, { id: subscriber }));
}

/** The same person, locked until the transaction ends. @throws KysoError integrity */
export async function lockHolder({ rows }: Signer, tx: SignerTx, subscriber: string): Promise<Subscriber> {
  return assertKnown(await rows.subscribers.lock(tx, { id: subscriber }));
}

function assertKnown(person: Subscriber | undefined): Subscriber {
  if (!person) throw new KysoError('integrity', 'a login of somebody who is no subscriber');
  return person;
}

/**
 * A person who has activated the account, and the vault that the PIN opens.
 * @throws KysoError activationInvalid — not activated yet; integrity
 */
export async function activatedHolder(
  signer: Signer,
  subscriber: string,
): Promise<{ person: Subscriber; vault: Vault }> {
  const person = await findHolder(signer, signer.store.read, subscriber);
  const vault = await signer.rows.vaults.find(signer.store.read, { subscriber, openedBy: 'pin' });
  if (!vault) throw new KysoError('activationInvalid', 'the account has not been activated');
  return { person, vault };
}

/** Takes back the counted tries of a PIN that was right, in the transaction of what it was for. */
export async function clearPin({ rows }: Signer, tx: SignerTx, subscriber: string): Promise<void> {
  const factors = await rows.factors.lock(tx, { subscriber });
  if (factors) await rows.factors.replace(tx, factors, pinCleared);
}
