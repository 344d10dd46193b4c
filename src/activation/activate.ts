import type { LeafFields } from '../audit/leaf.ts';
import { equalBytes, wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { failureLimits } from '../base/locks.ts';
import { argon2id, newSalt } from '../crypto/argon2.ts';
import { newSeed } from '../crypto/totp.ts';
import type { Factors, Subscriber, Vault } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { assertLive } from './key-versions.ts';
import { announce } from './notices.ts';
import { assertGoodPin, pinBytes, pinCleared, tryPin } from './pin.ts';
import { activationDigest, activationSecret, type Halves } from './subscribers.ts';
import { claimCode, sealSeed } from './totp.ts';
import { openVault, sealVault } from './vault.ts';

type Enrolment = { subscriber: Subscriber; factors: Factors; vault: Vault };

/**
 * First step of the holder: both halves open the vault, and a TOTP seed is made for the authenticator app. Repeating it
 * makes a new seed; nothing is used up.
 * @throws KysoError activationInvalid — unknown user, wrong halves, too many tries, expired, or already activated
 */
export async function beginActivation(signer: Signer, request: { userID: string; halves: Halves; request: string }) {
  const enrolment = await findEnrolment(signer, request.userID);
  if (enrolment.vault.openedBy !== 'activation') throw await slowRefusal(signer, 'already activated');
  const id = enrolment.subscriber.id;
  wipe(await openWithHalves(signer, enrolment, request.halves, request.request));
  await failpoint('activation.halvesRight');
  const seed = newSeed(request.userID);
  const sealedTotp = await sealSeed(signer, id, seed.totpSecret);
  await signer.store.write(async (tx) => {
    const vault = await signer.rows.vaults.lock(tx, { subscriber: id, openedBy: 'activation' });
    const factors = await signer.rows.factors.lock(tx, { subscriber: id });
    if (!vault || !factors) throw new KysoError('activationInvalid', 'activated by another request');
    await signer.rows.factors.replace(tx, factors, { sealedTotp });
    await record(signer, tx, {
      event: 'activation.begun',
      actor: 'api',
      result: 'done',
      subscriber: id,
      request: request.request,
    });
  });
  await failpoint('activation.begun');
  return seed;
}

/**
 * Second step: a code proves that the app has the seed, and the vault passes from the activation data to the PIN, which
 * ends the activation data. The same request with the same halves and PIN answers the same again, so that api can
 * finish its own part after a crash.
 * @throws KysoError activationInvalid | pinRefused | otpInvalid | otpLocked | pinInvalid | pinLocked
 */
export async function completeActivation(
  signer: Signer,
  request: { userID: string; halves: Halves; pin: string; otp: string; request: string },
): Promise<{ subscriber: string }> {
  const enrolment = await findEnrolment(signer, request.userID);
  const { subscriber, vault } = enrolment;
  const pin = pinBytes(request.pin);
  try {
    if (vault.openedBy === 'pin') await assertSameActivation(signer, enrolment, request.halves, pin, request.request);
    else await passToPin(signer, enrolment, request, pin);
  } finally {
    wipe(pin);
  }
  await failpoint('activation.completed');
  return { subscriber: subscriber.id };
}

async function passToPin(
  signer: Signer,
  enrolment: Enrolment,
  request: { halves: Halves; pin: string; otp: string; request: string },
  pin: Buffer,
): Promise<void> {
  const { subscriber, vault } = enrolment;
  const privateKey = await openWithHalves(signer, enrolment, request.halves, request.request);
  try {
    // Not before the halves are right: what a PIN must not contain would tell strangers about the holder.
    assertGoodPin(request.pin, subscriber);
    const provenSeed = await claimCode(signer, subscriber.id, request.otp, request.request);
    await failpoint('activation.codeClaimed');
    const sealing = await sealVault(signer, subscriber.id, { publicKey: vault.publicKey, privateKey }, pin, 'pin');
    const secret = activationSecret(request.halves);
    const digest = activationDigest(secret);
    wipe(secret);
    await signer.store.write(async (tx) => {
      const current = await signer.rows.vaults.lock(tx, { subscriber: subscriber.id, openedBy: 'activation' });
      const factors = await signer.rows.factors.lock(tx, { subscriber: subscriber.id });
      const person = await signer.rows.subscribers.lock(tx, { id: subscriber.id });
      if (!current || !factors || !person) throw new KysoError('activationInvalid', 'activated by another request');
      await assertLive(signer, tx, 'pepper', sealing.pepper);
      if (!factors.sealedTotp?.equals(provenSeed)) throw new KysoError('otpInvalid', 'another seed was made meanwhile');
      await signer.rows.vaults.replace(tx, current, sealing);
      await signer.rows.factors.replace(tx, factors, {
        ...pinCleared,
        activationFailures: 0,
        activationDigest: digest,
      });
      await signer.rows.subscribers.replace(tx, person, { status: 'active' });
      await announce(signer, tx, person, { template: 'activated', values: { userID: person.userId } });
      await record(signer, tx, {
        event: 'activation.completed',
        actor: 'api',
        result: 'done',
        subscriber: subscriber.id,
        request: request.request,
      });
    });
  } finally {
    wipe(privateKey);
  }
}

async function assertSameActivation(
  signer: Signer,
  { subscriber, factors, vault }: Enrolment,
  halves: Halves,
  pin: Buffer,
  request: string,
): Promise<void> {
  const secret = activationSecret(halves);
  const same = factors.activationDigest && equalBytes(factors.activationDigest, activationDigest(secret));
  wipe(secret);
  if (!same || factors.activationExpiresAt <= signer.time.now()) throw await slowRefusal(signer, 'already activated');
  await tryPin(signer, vault, pin, request);
  await signer.store.write(async (tx) => {
    const current = await signer.rows.factors.lock(tx, { subscriber: subscriber.id });
    if (current) await signer.rows.factors.replace(tx, current, pinCleared);
  });
}

async function findEnrolment(signer: Signer, userId: string): Promise<Enrolment> {
  const { store, rows } = signer;
  const subscriber = await rows.subscribers.find(store.read, { userId });
  const factors = subscriber && (await rows.factors.find(store.read, { subscriber: subscriber.id }));
  const vault = subscriber && (await rows.vaults.find(store.read, { subscriber: subscriber.id }));
  if (!subscriber || !factors || !vault) throw await slowRefusal(signer, 'no such user');
  return { subscriber, factors, vault };
}

/** A refusal that costs as much time as wrong halves do, so that nobody learns who has an account (S44). */
async function slowRefusal(signer: Signer, why: string): Promise<KysoError> {
  await argon2id(Buffer.from('nobody'), newSalt(), signer.pinCost);
  return new KysoError('activationInvalid', why);
}

/**
 * Counts the try and opens the vault with the halves. The caller wipes the private half.
 * @throws KysoError activationInvalid — wrong halves, too many tries, or too late
 */
async function openWithHalves(
  signer: Signer,
  { subscriber, vault, factors }: Enrolment,
  halves: Halves,
  request: string,
): Promise<Buffer> {
  const { id } = subscriber;
  if (!mayTry(signer, factors)) throw await slowRefusal(signer, 'too many tries, or too late');
  const secret = activationSecret(halves);
  const count = () => countTry(signer, id);
  const privateKey = await openVault(signer, vault, secret, count).finally(() => wipe(secret));
  await signer.store.write(async (tx) => {
    if (!privateKey) return record(signer, tx, wrongHalves(id, request));
    const current = await signer.rows.factors.lock(tx, { subscriber: id });
    if (current) await signer.rows.factors.replace(tx, current, { activationFailures: 0 });
  });
  if (!privateKey) throw new KysoError('activationInvalid', 'wrong halves');
  return privateKey;
}

const mayTry = (signer: Signer, { activationFailures, activationExpiresAt }: Factors) =>
  activationFailures < failureLimits.activation && activationExpiresAt > signer.time.now();

async function countTry(signer: Signer, subscriber: string): Promise<void> {
  const counted = await signer.store.write(async (tx) => {
    const factors = await signer.rows.factors.lock(tx, { subscriber });
    if (!factors || !mayTry(signer, factors)) return false;
    await signer.rows.factors.replace(tx, factors, { activationFailures: factors.activationFailures + 1 });
    return true;
  });
  await failpoint('activation.counted');
  if (!counted) throw new KysoError('activationInvalid', 'too many tries, or too late');
}

function wrongHalves(subscriber: string, request: string): LeafFields {
  const detail = { kind: 'activationInvalid' };
  return { event: 'activation.begun', actor: 'api', result: 'refused', subscriber, request, detail };
}
