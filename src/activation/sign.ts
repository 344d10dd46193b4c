import { wipe } from '../base/bytes.ts';
import { KysoError, kindOf } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { newId } from '../base/ids.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { endSigning, type Outcome, sweepSignings } from '../store/signer/signings.ts';
import { record, type Signer } from './context.ts';
import { keepFeedEvidence } from './evidence.ts';
import { answerOnce, keepAnswer } from './idempotency.ts';
import { signWithKey } from './keys.ts';
import { openWithSad } from './sad.ts';
import { type SpentAuthorization, spend } from './spend.ts';

type Request = Params<SignerContract, 'signatures.signHash'>;
type Answer = Result<SignerContract, 'signatures.signHash'>;

/**
 * signatures/signHash, in the order that makes it safe to lose power anywhere: spend and intent in one durable commit
 * → sign → verify → result in a durable commit → answer. Signatures come in the order of the request.
 * @throws what `answerOnce` and `spend` throw; KysoError feedStale | clockUntrusted | tokenUnavailable (nothing is spent);
 *   after the spend tokenUnavailable | integrity | unavailable (spent, nothing released)
 */
export function signHash(signer: Signer, request: Request): Promise<Answer> {
  return answerOnce(signer, request, async () => {
    signer.time.assertTrusted();
    signer.feed.assertFresh();
    if (!signer.token.status().ready) throw new KysoError('tokenUnavailable');
    const signing = newId();
    signer.running.add(signing);
    try {
      const spentAuthorization = await spend(signer, request, signing);
      await failpoint('sign.spent');
      return await sign(signer, spentAuthorization, request.sad);
    } finally {
      signer.running.delete(signing);
    }
  });
}

async function sign(signer: Signer, spent: SpentAuthorization, sad: string): Promise<Answer> {
  let answer: Answer;
  try {
    const signatures = await useKey(signer, spent, sad);
    answer = { signatures: signatures.map((signature) => signature.toString('base64')) };
  } catch (error) {
    await end(signer, spent, 'failed', { error });
    throw error;
  }
  await failpoint('sign.made');
  const released = await end(signer, spent, 'released', { answer });
  if (!released) throw new KysoError('unavailable', 'the signing was swept as unknown');
  await failpoint('sign.recorded');
  return answer;
}

async function useKey(signer: Signer, spent: SpentAuthorization, sad: string): Promise<Buffer[]> {
  const dek = openWithSad(sad, spent.authorization);
  try {
    return await signWithKey(signer, spent.key, dek, spent.scheme, [...spent.digests]);
  } finally {
    wipe(dek);
  }
}

/** Ends a signing in the store and the log, which names what a released signature relied on. False: it had ended before. */
async function end(
  signer: Signer,
  spent: SpentAuthorization,
  outcome: Exclude<Outcome, 'pending'>,
  { answer, error }: { answer?: Answer; error?: unknown },
): Promise<boolean> {
  const { signing, authorization, request, idempotencyKey, relied } = spent;
  const released = outcome === 'released';
  const endedAt = signer.time.now();
  const ended = await signer.store.write(async (tx) => {
    if (!(await endSigning(tx, signing, outcome, endedAt))) return false;
    if (answer && idempotencyKey !== undefined) await keepAnswer(signer, tx, idempotencyKey, answer);
    if (released) await keepFeedEvidence(signer, tx, relied.feed);
    await record(signer, tx, {
      ...{ event: 'sign', actor: 'signer', result: released ? 'done' : 'failed', request, signing },
      ...{
        authorization: authorization.id,
        subscriber: authorization.subscriber,
        credential: authorization.credential,
      },
      ...(released && { detail: { certificate: relied.certificate, feed: relied.feed.digest } }),
      ...(error !== undefined && { detail: { kind: kindOf(error) } }),
    });
    return true;
  });
  if (ended && released) signer.evidence.kept = relied.feed.digest;
  return ended;
}

/**
 * What was spent and cannot end any more stays spent, was never released, and is logged as unknown: at start all that a
 * former life left, later what was begun before an instant, since a signing whose end was not recorded stays pending.
 */
export async function sweep(signer: Signer, begunBefore = Number.MAX_SAFE_INTEGER): Promise<number> {
  return signer.store.write(async (tx) => {
    const swept = await sweepSignings(tx, signer.instance, { begunBefore, endedAt: signer.time.now() });
    for (const signing of swept) {
      const { id, authorization, subscriber, credential } = signing;
      await record(signer, tx, {
        event: 'sign',
        actor: 'signer',
        result: 'unknown',
        signing: id,
        authorization,
        subscriber,
        credential,
      });
    }
    return swept.length;
  });
}
