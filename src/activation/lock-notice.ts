import { forEver } from '../base/locks.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';
import { localTime } from './local-time.ts';
import { announce } from './notices.ts';

/** Tells the holder that a factor is locked, once for each lock, in the transaction that refused the try (S42). */
export async function announceLock(
  signer: Signer,
  tx: SignerTx,
  subscriber: string,
  template: 'pinLocked' | 'otpLocked',
  lockedUntil: number,
): Promise<void> {
  const person = await signer.rows.subscribers.find(tx, { id: subscriber });
  const until = lockedUntil === forEver ? 'for good' : localTime(lockedUntil);
  if (person) await announce(signer, tx, person, { template, values: { until } });
}
