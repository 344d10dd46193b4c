import { KysoError } from '../base/errors.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { outstandingAuthorizations } from '../store/signer/outstanding.ts';
import type { SignerTx, TotpMove } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { activatedHolder, clearPin, findHolder, lockHolder } from './holder.ts';
import { announce } from './notices.ts';
import { pinBytes, tryPin } from './pin.ts';
import { claimCode } from './totp.ts';

type Status = Result<SignerContract, 'account.status'>;

/** How an account stands: its state, its locks, and a move of the authenticator app that is allowed or under way. */
export async function accountStatus(
  signer: Signer,
  { subscriber }: Params<SignerContract, 'account.status'>,
): Promise<Status> {
  const { rows, store, time } = signer;
  const { userId, name, status } = await findHolder(signer, store.read, subscriber);
  const factors = await rows.factors.find(store.read, { subscriber });
  if (!factors) throw new KysoError('integrity', 'a subscriber without factors');
  const move = await rows.totpMoves.find(store.read, { subscriber });
  const { pinLockedUntil, otpLockedUntil } = factors;
  return {
    ...{ userID: userId, name, status: status as Status['status'], pinLockedUntil, otpLockedUntil },
    ...(move && counts(move, time.now()) && { totpMove: describe(move) }),
  };
}

const counts = ({ expiresAt, effectiveAt }: TotpMove, now: number) => effectiveAt !== null || expiresAt > now;

const describe = ({ expiresAt, effectiveAt }: TotpMove) => ({
  expiresAt,
  ...(effectiveAt !== null && { effectiveAt }),
});

/**
 * Signing off at once, by the holder; certificates stay good (design §5: freeze is not hold). Every SAD that was given
 * before is void with the same commit, and stays so after an unfreeze. Freezing twice is freezing once.
 * @throws KysoError activationInvalid — not activated yet, so that there is nothing to freeze; integrity
 */
export async function freeze(
  signer: Signer,
  { subscriber, request }: Params<SignerContract, 'account.freeze'>,
): Promise<Record<string, never>> {
  await signer.store.write(async (tx) => {
    // Whoever spends or makes a SAD holds this row: they end before this, or find the account frozen.
    const person = await lockHolder(signer, tx, subscriber);
    if (person.status === 'created') throw new KysoError('activationInvalid', 'the account has not been activated');
    if (person.status === 'frozen') return;
    await signer.rows.subscribers.replace(tx, person, { status: 'frozen' });
    const ended = await endAuthorizations(signer, tx, subscriber);
    await announce(signer, tx, person, { template: 'frozen' });
    const detail = { authorizations: ended };
    await record(signer, tx, { event: 'account.frozen', actor: 'api', result: 'done', subscriber, request, detail });
  });
  return {};
}

/** Ends whatever a SAD of this person could still do; answers how many there were. */
async function endAuthorizations({ rows }: Signer, tx: SignerTx, subscriber: string): Promise<number> {
  const ids = await outstandingAuthorizations(tx, subscriber);
  for (const id of ids) {
    const row = await rows.authorizations.lock(tx, { id });
    if (row) await rows.authorizations.replace(tx, row, { remaining: 0, open: 0, sealedDek: null });
  }
  return ids.length;
}

/**
 * Signing on again: a one-time code of the app, then the PIN, as for a signature.
 * @throws KysoError otpInvalid | otpLocked | pinInvalid | pinLocked | clockUntrusted; activationInvalid — the account
 *   was never activated; integrity
 */
export async function unfreeze(
  signer: Signer,
  { subscriber, pin, otp, request }: Params<SignerContract, 'account.unfreeze'>,
): Promise<Record<string, never>> {
  signer.time.assertTrusted();
  const { vault } = await activatedHolder(signer, subscriber);
  await claimCode(signer, subscriber, otp, request);
  const secret = pinBytes(pin);
  await tryPin(signer, vault, secret, request);
  await signer.store.write(async (tx) => {
    const person = await lockHolder(signer, tx, subscriber);
    await clearPin(signer, tx, subscriber);
    if (person.status !== 'frozen') return;
    await signer.rows.subscribers.replace(tx, person, { status: 'active' });
    await announce(signer, tx, person, { template: 'unfrozen' });
    await record(signer, tx, { event: 'account.unfrozen', actor: 'api', result: 'done', subscriber, request });
  });
  return {};
}

/**
 * Tells the holder of a new login password (S47). The password is api's alone; signer only knows how to reach its holder,
 * and takes api's word for it: at worst somebody is told of a change that did not happen.
 * @throws KysoError integrity
 */
export async function tellPasswordChange(
  signer: Signer,
  { subscriber, request }: Params<SignerContract, 'account.passwordChange'>,
): Promise<Record<string, never>> {
  await signer.store.write(async (tx) => {
    const person = await findHolder(signer, tx, subscriber);
    await announce(signer, tx, person, { template: 'passwordChanged' });
    await record(signer, tx, { event: 'password.changed', actor: 'api', result: 'done', subscriber, request });
  });
  return {};
}
