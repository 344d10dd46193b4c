import { KysoError } from '../base/errors.ts';
import { matchStep, newSeed } from '../crypto/totp.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { SignerTx, TotpMove } from '../store/signer/tables.ts';
import { deleteMove, dueMoves } from '../store/signer/totp-moves.ts';
import { record, type Signer } from './context.ts';
import { activatedHolder, clearPin, findHolder, lockHolder } from './holder.ts';
import { localTime } from './local-time.ts';
import { announce, type Notice } from './notices.ts';
import { otpCleared, refuseOtp } from './otp.ts';
import { pinBytes, tryPin } from './pin.ts';
import { openSeed, sealSeed } from './totp.ts';

const hour = 3_600_000;

/** How long an attestation allows a move, and how long the old contacts have to stop one that was confirmed. */
const attestationLifetime = 14 * 24 * hour;
const waitingTime = 24 * hour;

type Entry = { subscriber: string; request?: string; detail?: Record<string, string | number> };

/** Tells mailbox and phone, since whoever moves an app to his own phone may have one of them (S47). */
async function tell(signer: Signer, tx: SignerTx, subscriber: string, notice: Omit<Notice, 'channels'>): Promise<void> {
  const person = await findHolder(signer, tx, subscriber);
  await announce(signer, tx, person, { ...notice, channels: ['email', 'sms'] });
}

const enter = (signer: Signer, tx: SignerTx, event: string, actor: string, entry: Entry) =>
  record(signer, tx, { event, actor, result: 'done', ...entry });

/**
 * Whoever knows the person says that a new phone is theirs. It allows one move within 14 days, takes the place of an
 * older attestation, and ends a move that was under way.
 * @throws KysoError requestInvalid — there is no such subscriber, who has activated an account, or nobody is named
 */
export async function attestMove(
  signer: Signer,
  { userID, attestedBy }: Params<SignerContract, 'totpMove.attest'>,
): Promise<Result<SignerContract, 'totpMove.attest'>> {
  const { rows, store } = signer;
  const known = await rows.subscribers.find(store.read, { userId: userID });
  if (!known || known.status === 'created')
    throw new KysoError('requestInvalid', `there is no subscriber ${userID} who has activated an account`);
  if (attestedBy.trim() === '') throw new KysoError('requestInvalid', 'an attestation names who gives it');
  const subscriber = known.id;
  return store.write(async (tx) => {
    // Two attestations at a time wait for each other here: there may be no row yet to wait for.
    await lockHolder(signer, tx, subscriber);
    const before = await rows.totpMoves.lock(tx, { subscriber });
    const attestedAt = signer.time.now();
    const attestation = { attestedBy, attestedAt, expiresAt: attestedAt + attestationLifetime, ...notBegun };
    if (before) await rows.totpMoves.replace(tx, before, attestation);
    else await rows.totpMoves.insert(tx, { subscriber, ...attestation });
    if (before?.sealedTotp) await tell(signer, tx, subscriber, { template: 'totpMoveCancelled' });
    await enter(signer, tx, 'totpMove.attested', 'operator', { subscriber, detail: { attestedBy } });
    return { expiresAt: attestation.expiresAt };
  });
}

const notBegun = { sealedTotp: null, confirmedStep: null, effectiveAt: null };

/**
 * With the PIN and a live attestation: makes the seed for the app on the new phone. Doing it again makes another one and
 * starts anew. Both contacts are told.
 * @throws KysoError moveNotAllowed — nobody attested the new phone, or too long ago; pinInvalid | pinLocked |
 *   activationInvalid | tokenUnavailable | integrity
 */
export async function beginMove(
  signer: Signer,
  { subscriber, pin, request }: Params<SignerContract, 'totpMove.begin'>,
): Promise<Result<SignerContract, 'totpMove.begin'>> {
  const { rows, store, time } = signer;
  const { person, vault } = await activatedHolder(signer, subscriber);
  // No try of the PIN without an attestation; asked again under the lock.
  assertAllowed(await rows.totpMoves.find(store.read, { subscriber }), time.now());
  const secret = pinBytes(pin);
  await tryPin(signer, vault, secret, request);
  const seed = newSeed(person.userId);
  const sealedTotp = await sealSeed(signer, subscriber, seed.totpSecret);
  await store.write(async (tx) => {
    await clearPin(signer, tx, subscriber);
    const move = assertAllowed(await rows.totpMoves.lock(tx, { subscriber }), time.now());
    await rows.totpMoves.replace(tx, move, { ...notBegun, sealedTotp });
    await tell(signer, tx, subscriber, { template: 'totpMoveBegun' });
    await enter(signer, tx, 'totpMove.begun', 'api', { subscriber, request });
  });
  return seed;
}

function assertAllowed(move: TotpMove | undefined, now: number): TotpMove {
  if (!move || move.expiresAt <= now) throw new KysoError('moveNotAllowed', 'no live attestation of a new phone');
  return move;
}

/**
 * A code proves that the app on the new phone has the seed. It counts 24 hours later; until then the old one does, and
 * both contacts know. Wrong codes count and lock like any other; a right one clears no count, since it says nothing of
 * the old app. Confirmed once, a further right code gets the same answer.
 * @throws KysoError moveNotAllowed — no move was begun, or its attestation has ended; otpInvalid | otpLocked |
 *   clockUntrusted | tokenUnavailable | integrity
 */
export async function confirmMove(
  signer: Signer,
  { subscriber, otp, request }: Params<SignerContract, 'totpMove.confirm'>,
): Promise<Result<SignerContract, 'totpMove.confirm'>> {
  const { rows, store, time } = signer;
  time.assertTrusted();
  const begun = assertBegun(await rows.totpMoves.find(store.read, { subscriber }), time.now());
  const secret = await openSeed(signer, subscriber, begun.sealedTotp);

  const confirmed = await store.write(async (tx) => {
    const now = time.now();
    const factors = await rows.factors.lock(tx, { subscriber });
    const move = assertBegun(await rows.totpMoves.lock(tx, { subscriber }), now);
    if (!factors || !move.sealedTotp.equals(begun.sealedTotp)) throw new KysoError('moveNotAllowed', 'begun anew');
    const confirmedStep = factors.otpLockedUntil > now ? undefined : matchStep(secret, otp, now);
    if (confirmedStep === undefined) return refuseOtp(signer, tx, factors, { request, replayed: false });
    if (move.effectiveAt !== null) return { effectiveAt: move.effectiveAt };
    const effectiveAt = now + waitingTime;
    await rows.totpMoves.replace(tx, move, { confirmedStep, effectiveAt });
    const values = { effectiveAt: localTime(effectiveAt) };
    await tell(signer, tx, subscriber, { template: 'totpMoveConfirmed', values });
    await enter(signer, tx, 'totpMove.confirmed', 'api', { subscriber, request, detail: { effectiveAt } });
    return { effectiveAt };
  });
  if (typeof confirmed === 'string') throw new KysoError(confirmed);
  return confirmed;
}

type BegunMove = TotpMove & { sealedTotp: Buffer };

function assertBegun(move: TotpMove | undefined, now: number): BegunMove {
  const live = move && (move.effectiveAt !== null || move.expiresAt > now);
  if (!live || !move.sealedTotp) throw new KysoError('moveNotAllowed', 'no move was begun');
  return { ...move, sealedTotp: move.sealedTotp };
}

/**
 * Stops a move at any time before the new app counts, and ends its attestation. It asks for nothing more than the login:
 * it only leaves things as they are.
 * @throws KysoError moveNotAllowed — there is nothing to stop (any more)
 */
export async function cancelMove(
  signer: Signer,
  { subscriber, request }: Params<SignerContract, 'totpMove.cancel'>,
): Promise<Record<string, never>> {
  await signer.store.write(async (tx) => {
    const move = await signer.rows.totpMoves.lock(tx, { subscriber });
    if (!move) throw new KysoError('moveNotAllowed', 'there is no move to cancel');
    await deleteMove(tx, subscriber);
    await tell(signer, tx, subscriber, { template: 'totpMoveCancelled' });
    await enter(signer, tx, 'totpMove.cancelled', 'api', { subscriber, request });
  });
  return {};
}

/**
 * Part of the upkeep: from now on the new app counts, where its day is over. Not while the clock is in doubt. One row
 * that was tampered with does not stop the others.
 * @throws the first failure, when all were tried
 */
export async function finishMoves(signer: Signer): Promise<void> {
  const { store, time } = signer;
  if (!time.isTrusted()) return;
  const due = await dueMoves(store.read, time.now());
  const done = await Promise.allSettled(due.map((who) => store.write((tx) => finishMove(signer, tx, who))));
  for (const one of done) if (one.status === 'rejected') throw one.reason;
}

async function finishMove(signer: Signer, tx: SignerTx, subscriber: string): Promise<void> {
  const { rows, time } = signer;
  const factors = await rows.factors.lock(tx, { subscriber });
  const move = await rows.totpMoves.lock(tx, { subscriber });
  // Asked again: it may have been cancelled, begun anew, or finished by another signer meanwhile.
  if (!factors || !move?.sealedTotp || move.effectiveAt === null || move.effectiveAt > time.now()) return;
  const lastStep = Math.max(factors.lastStep, move.confirmedStep ?? 0);
  await rows.factors.replace(tx, factors, { sealedTotp: move.sealedTotp, lastStep, ...otpCleared });
  await deleteMove(tx, subscriber);
  await tell(signer, tx, subscriber, { template: 'totpMoved' });
  await enter(signer, tx, 'totpMove.finished', 'signer', { subscriber });
}
