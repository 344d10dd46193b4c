import { equalBytes, sha256 } from '../base/bytes.ts';
import { type ErrorKind, KysoError, kindOf } from '../base/errors.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { findSigning } from '../store/signer/signings.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';
import { authorizationId, rememberedFor } from './sad.ts';

type Request = Params<SignerContract, 'signatures.signHash'>;
type Answer = Result<SignerContract, 'signatures.signHash'>;

/** What a spend says whose hashes another request has taken meanwhile. */
const overtaken: ReadonlySet<ErrorKind> = new Set<ErrorKind>(['sadInvalid', 'hashNotAuthorized', 'requestRunning']);

/**
 * Answers a request by `work`, unless one with its Idempotency-Key was answered before: that answer comes again (S70).
 * @throws what `work` throws, and what `earlierAnswer` does
 */
export async function answerOnce(signer: Signer, request: Request, work: () => Promise<Answer>): Promise<Answer> {
  const earlier = await earlierAnswer(signer, request);
  if (earlier) return earlier;
  try {
    return await work();
  } catch (error) {
    // Between the look and the spend, another request with the key may have been faster.
    const faster = overtaken.has(kindOf(error)) ? await earlierAnswer(signer, request) : undefined;
    if (faster) return faster;
    throw error;
  }
}

/**
 * What a request gets whose Idempotency-Key was used before by the same client for the same subscriber (S70, design
 * §4). Undefined when it has no key, or a new one: then it may spend.
 * @throws KysoError idempotencyKeyReused — the key came with another request
 * @throws KysoError requestRunning — the first request with it has no answer yet
 * @throws KysoError sadInvalid — the first one spent its hashes and never got signatures
 */
async function earlierAnswer(signer: Signer, request: Request): Promise<Answer | undefined> {
  const id = keyId(request);
  const row = id === undefined ? undefined : await signer.rows.idempotencyKeys.find(signer.store.read, { id });
  if (!row) return undefined;
  if (!equalBytes(row.fingerprint, fingerprintOf(request))) throw new KysoError('idempotencyKeyReused');
  if (row.answer !== null) return { signatures: JSON.parse(row.answer) };
  throw new KysoError((await mayStillAnswer(signer, row.signing)) ? 'requestRunning' : 'sadInvalid');
}

/** Here before the store: a signing leaves `running` only when its end is written, or cannot be. */
async function mayStillAnswer({ running, store, instance }: Signer, id: string): Promise<boolean> {
  if (running.has(id)) return true;
  const signing = await findSigning(store.read, id);
  // Released: the answer was written after the row was read.
  return signing?.outcome === 'released' || (signing?.outcome === 'pending' && signing.instance !== instance);
}

/**
 * Takes a request's key, if it has one, in the transaction of its spend: of any number at once with one key, one goes on.
 * `expiresAt` is the SAD's. Returns the key's id, under which its answer is kept.
 * @throws KysoError requestRunning — somebody has it
 */
export async function claimKey(
  signer: Signer,
  tx: SignerTx,
  request: Request,
  { signing, expiresAt }: { signing: string; expiresAt: number },
): Promise<string | undefined> {
  const id = keyId(request);
  if (id === undefined) return undefined;
  const row = { id, signing, fingerprint: fingerprintOf(request), answer: null, expiresAt: expiresAt + rememberedFor };
  if (!(await signer.rows.idempotencyKeys.insertOnce(tx, row))) throw new KysoError('requestRunning');
  return id;
}

/** Keeps the answer beside a claimed key, in the transaction that records the result. */
export async function keepAnswer({ rows }: Signer, tx: SignerTx, id: string, answer: Answer): Promise<void> {
  const row = await rows.idempotencyKeys.lock(tx, { id });
  if (row) await rows.idempotencyKeys.replace(tx, row, { answer: JSON.stringify(answer.signatures) });
}

/** A key means something only to the client and for the subscriber that it came from; its own text is not kept. */
function keyId({ client, subscriber, idempotencyKey }: Request): string | undefined {
  if (idempotencyKey === undefined) return undefined;
  return sha256(JSON.stringify([client, subscriber, idempotencyKey])).toString('base64url');
}

/** Everything that says what is to be signed, and with which SAD. Who is logged in may have changed meanwhile. */
function fingerprintOf({ sad, credentialID, hashes, signAlgo, hashAlgo, signAlgoParams }: Request): Buffer {
  const facts = [authorizationId(sad), credentialID, hashes, signAlgo, hashAlgo ?? null, signAlgoParams ?? null];
  return sha256(JSON.stringify(facts));
}
