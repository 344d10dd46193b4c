import { type ErrorKind, KysoError } from '../base/errors.ts';
import { digests as digestTable, type KeyTypeName, resolveScheme, type SignScheme } from '../crypto/algorithms.ts';
import type { Params } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { takeFromAuthorization } from '../store/signer/authorizations.ts';
import { insertSigning } from '../store/signer/signings.ts';
import type { Authorization, Credential, Key, SignerTx } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { holdUsable, ownCredential } from './credentials.ts';
import { hashesOf, takePlaces } from './hashes.ts';
import { claimKey } from './idempotency.ts';
import type { Relied } from './relied.ts';
import { authorizationId } from './sad.ts';
import { announceUse } from './use-notice.ts';

declare const spent: unique symbol;

/**
 * The durable fact that these digests, and no others, may now be signed once. Only `spend` makes one, and `sign` takes
 * nothing else: what is signed is what was authorized, not what a request says (design §4).
 */
export type SpentAuthorization = {
  readonly signing: string;
  readonly authorization: Authorization;
  readonly key: Key;
  readonly scheme: SignScheme;
  readonly digests: readonly Buffer[];
  readonly request: string;
  /** What the result in the log names: the certificate (digest) and the heartbeat of ca that it was signed under. */
  readonly relied: { readonly certificate: string; readonly feed: Relied };
  /** Under which the answer is kept, where the request has a key. */
  readonly idempotencyKey: string | undefined;
  readonly [spent]: true;
};

type Request = Params<SignerContract, 'signatures.signHash'>;

/**
 * Checks a signHash request against its SAD and spends the hashes, with the intent's log leaf, in one durable commit,
 * under the id `signing`. The token has not been touched when this rejects, and nothing is spent then.
 * @throws KysoError what is wrong first, in the order of CSC v1 §11.9: sadInvalid | credentialUnknown | signAlgoInvalid |
 *   hashAlgoInvalid | digestLength | sadExpired | certificateStatus | certificateExpired | credentialDisabled | hashNotAuthorized;
 *   requestRunning
 */
export async function spend(signer: Signer, request: Request, signing: string): Promise<SpentAuthorization> {
  try {
    return await signer.store.write((tx) => spendIn(signer, tx, request, signing));
  } catch (error) {
    // A good request is not read twice; for another one the order of the reasons counts.
    if (error instanceof KysoError && !ofOurs.includes(error.kind)) await assertInOrder(signer, request);
    throw error;
  }
}

/** What says nothing about the request. */
const ofOurs: ErrorKind[] = ['integrity', 'internal', 'unavailable', 'requestRunning'];

async function spendIn(signer: Signer, tx: SignerTx, request: Request, signing: string): Promise<SpentAuthorization> {
  const id = authorizationId(request.sad);
  const { person, credential } = await holdUsable(signer, tx, request.subscriber, request.credentialID);
  const { scheme, digests } = readRequest(signer, credential, request);
  const authorization = await take(signer, tx, id, request);
  // Here and not later: the connection that writes has the row's pages still, the other reads them anew after each commit.
  const key = await signer.rows.keys.find(tx, { id: authorization.key });
  if (!key) throw new KysoError('integrity', 'the key of an authorization is gone');
  const idempotencyKey = await claimKey(signer, tx, request, { signing, expiresAt: authorization.expiresAt });
  const { taken, left: spent } = takePlaces(await hashesOf(signer, tx, authorization), authorization.spent, digests);
  if (taken.includes(undefined)) throw new KysoError('hashNotAuthorized');
  // The sealed DEK dies with the last signature.
  const dead = authorization.remaining === 0 ? { sealedDek: null } : {};
  await signer.rows.authorizations.replace(tx, authorization, { spent, ...dead });
  await insertSigning(tx, {
    ...{ id: signing, authorization: id, credential: authorization.credential, subscriber: authorization.subscriber },
    ...{
      signatures: digests.length,
      signAlgo: request.signAlgo,
      instance: signer.instance,
      startedAt: signer.time.now(),
    },
  });
  await record(signer, tx, {
    ...{
      event: 'sign',
      actor: request.client,
      result: 'intended',
      request: request.request,
      signing,
      authorization: id,
    },
    ...{ subscriber: authorization.subscriber, credential: authorization.credential, algorithm: request.signAlgo },
    hashes: digests.map((bytes) => bytes.toString('hex')),
    ...(scheme.pss && { detail: { mgfDigest: scheme.pss.mgfDigest, saltLength: scheme.pss.saltLength } }),
  });
  if (authorization.total - authorization.remaining === digests.length)
    await announceUse(signer, tx, person, credential, authorization);
  const relied = { certificate: credential.certificate, feed: signer.feed.word() };
  const facts = { signing, authorization, key, scheme, digests, relied, idempotencyKey, request: request.request };
  return facts as unknown as SpentAuthorization;
}

/** The algorithm and the digests of a request. @throws KysoError signAlgoInvalid | hashAlgoInvalid | digestLength */
function readRequest(signer: Signer, { keyType }: Credential, request: Request) {
  const scheme = schemeOf(signer, keyType as KeyTypeName, request);
  const digests = request.hashes.map((hash) => Buffer.from(hash, 'base64'));
  if (digests.some((bytes) => bytes.length !== digestTable[scheme.digest].length)) throw new KysoError('digestLength');
  return { scheme, digests };
}

async function assertInOrder(signer: Signer, request: Request): Promise<void> {
  const found = await explain(signer, authorizationId(request.sad), request);
  const credential = await ownCredential(signer, signer.store.read, request.subscriber, request.credentialID);
  readRequest(signer, credential, request);
  assertUnexpired(signer, found);
}

/** What the request's algorithm members mean for this key, as far as the token can do it. */
function schemeOf(signer: Signer, keyType: KeyTypeName, request: Request): SignScheme {
  const { signAlgo, hashAlgo, signAlgoParams } = request;
  const served = signer.token.signAlgos(keyType);
  if (served.length === 0) throw new KysoError('keyUnusable', `the token can no longer use ${keyType} keys`);
  if (!served.includes(signAlgo)) throw new KysoError('signAlgoInvalid');
  const params = signAlgoParams === undefined ? undefined : Buffer.from(signAlgoParams, 'base64');
  const scheme = resolveScheme(keyType, signAlgo, hashAlgo, params);
  if (!signer.token.serves(keyType, scheme)) throw new KysoError('signAlgoParamsInvalid');
  return scheme;
}

/**
 * The authorization of a SAD as it stands, or which condition of its use is missed, but for its time; the use itself
 * asks them all again, in its UPDATE.
 * @throws KysoError sadInvalid | credentialUnknown
 */
export async function explain(
  signer: Signer,
  id: string,
  request: Pick<Request, 'subscriber' | 'client' | 'grant' | 'credentialID'>,
): Promise<Authorization> {
  const found = await ownAuthorization(signer, id, request);
  await ownCredential(signer, signer.store.read, request.subscriber, request.credentialID);
  if (found.credential !== request.credentialID || found.remaining === 0) throw new KysoError('sadInvalid');
  return found;
}

/** @throws KysoError sadInvalid — there is none of this name, or it is not this caller's */
export async function ownAuthorization(
  signer: Signer,
  id: string,
  { subscriber, client, grant }: Pick<Request, 'subscriber' | 'client' | 'grant'>,
): Promise<Authorization> {
  const found = await signer.rows.authorizations.find(signer.store.read, { id });
  const theirs = found?.subscriber === subscriber && found.client === client && found.grant === grant;
  if (!found || !theirs || found.epoch !== signer.epoch) throw new KysoError('sadInvalid');
  return found;
}

/** @throws KysoError sadExpired */
export function assertUnexpired({ time }: Signer, { expiresAt }: Authorization): void {
  if (expiresAt <= time.now()) throw new KysoError('sadExpired');
}

/** The conditional UPDATE and the check of the row's MAC. What is answered is not sealed again yet. */
async function take(signer: Signer, tx: SignerTx, id: string, request: Request): Promise<Authorization> {
  const { subscriber, client, grant, credentialID: credential } = request;
  const count = request.hashes.length;
  const { epoch, mac } = signer;
  const now = signer.time.now();
  const row = await takeFromAuthorization(tx, { id, subscriber, client, grant, credential, epoch, count, now });
  if (!row) throw new KysoError('sadInvalid');
  mac.check('authorizations', { ...row, remaining: row.remaining + count });
  return row;
}
