import type { ErrorKind } from '../base/errors.ts';
import { failureLimits, lockedUntil } from '../base/locks.ts';
import type { Factors, SignerTx } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { announceLock } from './lock-notice.ts';

/** What a right code sets back, whichever way it came. */
export const otpCleared = { otpFailures: 0, otpLockedUntil: 0 } as const;

/**
 * Refuses a one-time code, in the transaction that found it wrong: counts the failure, unless the factor is locked or
 * the code was only a replay, and tells the holder of a lock that this one set. `factors` is locked by the caller.
 */
export async function refuseOtp(
  signer: Signer,
  tx: SignerTx,
  factors: Factors,
  { request, replayed }: { request: string; replayed: boolean },
): Promise<Extract<ErrorKind, 'otpInvalid' | 'otpLocked'>> {
  const now = signer.time.now();
  const { subscriber } = factors;
  const locked = factors.otpLockedUntil > now;
  const counts = !locked && !replayed;
  const otpFailures = factors.otpFailures + (counts ? 1 : 0);
  if (counts) {
    const otpLockedUntil = lockedUntil(otpFailures, failureLimits.otp, now);
    await signer.rows.factors.replace(tx, factors, { otpFailures, otpLockedUntil });
    if (otpLockedUntil > now) await announceLock(signer, tx, subscriber, 'otpLocked', otpLockedUntil);
  }
  const kind = locked ? 'otpLocked' : 'otpInvalid';
  const detail = { kind, replayed, failures: otpFailures };
  await record(signer, tx, { event: 'factor.otp', actor: 'api', result: 'refused', subscriber, request, detail });
  return kind;
}
