import { randomInt } from 'node:crypto';
import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import type { Params } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { usableCode } from '../store/signer/codes.ts';
import type { Credential, Factors, OneTimeCode, SignerTx } from '../store/signer/tables.ts';
import { type CodeLimits, record, type Signer, tokenLabels } from './context.ts';
import { usableCredential } from './credentials.ts';
import { announce } from './notices.ts';
import { otpCleared, refuseOtp } from './otp.ts';

/** How long a code counts, in milliseconds, and how many tries it is good for (S45). */
const lifetime = 5 * 60_000;
const triesPerCode = 5;

const window = 15 * 60_000;

export const usualCodeLimits: CodeLimits = { pauseSeconds: 30, perQuarterHour: 5 };

type Request = Params<SignerContract, 'credentials.sendOTP'>;

/**
 * credentials/sendOTP: makes a code for this credential and login, in place of the one before, and has it sent by
 * e-mail. It goes to notify sealed and is kept here only as an HMAC under a key of the token (S45).
 * @throws KysoError credentialUnknown | certificateStatus | certificateExpired | credentialDisabled; otpNotOnline — the codes of this
 *   credential come from an app; otpLocked | tooManyRequests
 */
export async function sendOTP(signer: Signer, request: Request): Promise<Record<string, never>> {
  const { subscriber, credentialID, client, grant } = request;
  const { rows, store } = signer;
  const { credential, person } = await usableCredential(signer, subscriber, credentialID);
  if (credential.otp !== 'email') throw new KysoError('otpNotOnline');
  // Asked here so that a flood costs no call to the token; asked again under the lock.
  maySend(
    signer,
    await rows.factors.find(store.read, { subscriber }),
    await rows.oneTimeCodes.find(store.read, { credential: credentialID }),
  );
  const code = String(randomInt(1_000_000)).padStart(6, '0');
  const codeMac = await macOf(signer, { subscriber, credential: credentialID, grant, code });

  await store.write(async (tx) => {
    const factors = await rows.factors.lock(tx, { subscriber });
    const before = await rows.oneTimeCodes.lock(tx, { credential: credentialID });
    maySend(signer, factors, before);
    const sentAt = signer.time.now();
    const fresh = { grant, codeMac, sentAt, expiresAt: sentAt + lifetime, tries: 0, usedAt: null };
    const counted = before && sentAt < before.windowAt + window;
    const sends = counted ? { windowAt: before.windowAt, sends: before.sends + 1 } : { windowAt: sentAt, sends: 1 };
    if (before) await rows.oneTimeCodes.replace(tx, before, { ...fresh, ...sends });
    else await rows.oneTimeCodes.insert(tx, { credential: credentialID, subscriber, ...fresh, ...sends });
    const values = { code, minutes: String(lifetime / 60_000), client };
    await announce(signer, tx, person, { template: 'oneTimeCode', values, expiresAt: fresh.expiresAt });
    await record(signer, tx, {
      ...{ event: 'otp.sent', actor: client, result: 'done', request: request.request, subscriber },
      ...{ credential: credentialID, detail: { grant } },
    });
  });
  return {};
}

function maySend({ time, codeLimits }: Signer, factors?: Factors, before?: OneTimeCode): void {
  const now = time.now();
  if (!factors || factors.otpLockedUntil > now) throw new KysoError('otpLocked');
  if (!before) return;
  const tooMany = now < before.windowAt + window && before.sends >= codeLimits.perQuarterHour;
  if (now < before.sentAt + 1000 * codeLimits.pauseSeconds || tooMany) throw new KysoError('tooManyRequests');
}

/**
 * Uses up a code that came by e-mail: of any number of parallel requests with it exactly one gets past here. A wrong
 * code counts as a failure before anybody learns that it was wrong; one that was used already is a replay and counts as
 * nothing (design §8).
 * @throws KysoError otpInvalid | otpLocked
 */
export async function claimEmailCode(
  signer: Signer,
  { id: credential, subscriber }: Credential,
  { grant, otp, request }: { grant: string; otp: string; request: string },
): Promise<void> {
  const codeMac = await macOf(signer, { subscriber, credential, grant, code: otp });
  const refusal = await signer.store.write(async (tx) => {
    const factors = await signer.rows.factors.lock(tx, { subscriber });
    if (!factors) return 'otpInvalid';
    const now = signer.time.now();
    const locked = factors.otpLockedUntil > now;
    if (!locked && (await useUp(signer, tx, credential, codeMac, now))) {
      await signer.rows.factors.replace(tx, factors, otpCleared);
      return undefined;
    }
    const replayed = !locked && (await countTry(signer, tx, credential, codeMac));
    return refuseOtp(signer, tx, factors, { request, replayed });
  });
  if (refusal) throw new KysoError(refusal);
}

async function useUp({ rows }: Signer, tx: SignerTx, credential: string, codeMac: Buffer, now: number) {
  const code = await rows.oneTimeCodes.lock(tx, { credential, codeMac }, usableCode(tx, now, triesPerCode));
  if (code) await rows.oneTimeCodes.replace(tx, code, { usedAt: now, tries: code.tries + 1 });
  return code !== undefined;
}

/** Counts a try that a code was no good for. True when the code was right, but used already. */
async function countTry({ rows }: Signer, tx: SignerTx, credential: string, codeMac: Buffer): Promise<boolean> {
  const code = await rows.oneTimeCodes.lock(tx, { credential });
  if (!code) return false;
  await rows.oneTimeCodes.replace(tx, code, { tries: code.tries + 1 });
  return code.usedAt !== null && equalBytes(code.codeMac, codeMac);
}

/** Six digits are soon guessed, so what is kept of them is made with a key that never leaves the token. */
function macOf(signer: Signer, of: { subscriber: string; credential: string; grant: string; code: string }) {
  const { subscriber, credential, grant, code } = of;
  const data = Buffer.from(JSON.stringify(['kyso one-time code', subscriber, credential, grant, code]));
  return signer.token.hmac({ label: tokenLabels.seeds, data });
}
