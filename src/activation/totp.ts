import { wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { open, seal } from '../crypto/seal.ts';
import { matchStep, stepOf } from '../crypto/totp.ts';
import { beforeStep } from '../store/signer/factors.ts';
import { type Signer, tokenLabels } from './context.ts';
import { otpCleared, refuseOtp } from './otp.ts';

/** The seed under a key that the token makes for this subscriber alone; the database without the token opens none. */
export async function sealSeed(signer: Signer, subscriber: string, totpSecret: string): Promise<Buffer> {
  const key = await seedKey(signer, subscriber);
  const seed = Buffer.from(totpSecret);
  try {
    return seal(key, seed, { use: 'totp', subscriber });
  } finally {
    wipe(key, seed);
  }
}

/** The seed that `sealSeed` sealed, as base32. @throws KysoError integrity */
export async function openSeed(signer: Signer, subscriber: string, sealedSeed: Buffer): Promise<string> {
  const key = await seedKey(signer, subscriber);
  try {
    const seed = open(key, sealedSeed, { use: 'totp', subscriber });
    const text = seed.toString();
    wipe(seed);
    return text;
  } finally {
    wipe(key);
  }
}

function seedKey(signer: Signer, subscriber: string): Promise<Buffer> {
  return signer.token.hmac({ label: tokenLabels.seeds, data: Buffer.from(`totp ${subscriber}`) });
}

/** The last step that may have been used before an epoch that began then (0: the first epoch, before which nothing was). */
export const lastStepBefore = (startedAt: number): number => (startedAt === 0 ? 0 : stepOf(startedAt) + 1);

/**
 * Uses up a one-time code: its step is claimed by one conditional UPDATE, so of any number of parallel requests with
 * one code exactly one gets past here (S41). A wrong code counts as a failure before anybody learns that it was wrong;
 * a right code whose step was already claimed is a replay and counts as nothing (design §8). Returns the sealed seed
 * that the code belongs to.
 * @throws KysoError otpInvalid | otpLocked
 */
export async function claimCode(signer: Signer, subscriber: string, code: string, request: string): Promise<Buffer> {
  const found = await signer.rows.factors.find(signer.store.read, { subscriber });
  if (!found?.sealedTotp) throw new KysoError('otpInvalid', 'no TOTP is enrolled');
  const secret = await openSeed(signer, subscriber, found.sealedTotp);

  const refusal = await signer.store.write(async (tx) => {
    const now = signer.time.now();
    const step = matchStep(secret, code, now);
    // Which steps were used up before the store was restored, it does not know: none of them counts.
    const usedBefore = lastStepBefore(signer.epochStartedAt);
    if (step !== undefined && step > usedBefore) {
      const claimed = await signer.rows.factors.lock(tx, { subscriber }, beforeStep(tx, step, now));
      if (claimed) {
        await signer.rows.factors.replace(tx, claimed, { lastStep: step, ...otpCleared });
        return undefined;
      }
    }
    const factors = await signer.rows.factors.lock(tx, { subscriber });
    if (!factors) return 'otpInvalid';
    return refuseOtp(signer, tx, factors, {
      request,
      replayed: step !== undefined && step <= Math.max(factors.lastStep, usedBefore),
    });
  });
  if (refusal) throw new KysoError(refusal);
  return found.sealedTotp;
}
