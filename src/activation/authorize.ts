import { randomBytes } from 'node:crypto';
import { sha256, wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { type DigestName, digestByLength } from '../crypto/algorithms.ts';
import { deriveKey, open, seal } from '../crypto/seal.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { insertHashes } from '../store/signer/authorizations.ts';
import type { Authorization, AuthorizedHash, Credential, Key } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { usableCredential } from './credentials.ts';
import { openDek } from './keys.ts';
import { openWithPin, pinBytes, pinCleared } from './pin.ts';
import { claimCode } from './totp.ts';

/** How long a SAD lives, in seconds (S8). */
const lifetime = 300;

/** How long extendTransaction can keep what was authorized alive, in seconds from authorize (design §4). */
const transactionCap = 3600;

type Request = Params<SignerContract, 'credentials.authorize'>;

/** The name under which a SAD is kept: its SHA-256, never itself. */
export const authorizationId = (sad: string) => sha256(sad).toString('base64url');

/** One MAC over all hash rows of an authorization in their order: which digests, and which signing spent each. */
export function macOfHashes(
  { mac }: Pick<Signer, 'mac'>,
  authorization: string,
  rows: Pick<AuthorizedHash, 'digest' | 'signing'>[],
): Buffer {
  return mac.over(
    authorization,
    rows.flatMap(({ digest, signing }) => [digest, Buffer.from(signing ?? '')]),
  );
}

/**
 * Makes a SAD for exactly these hashes (SCAL2): status, one-time code, PIN, in this order (design §3 step 4). Between
 * here and signing, nothing at rest can open the key; the SAD carries the missing part.
 * @throws KysoError feedStale | clockUntrusted | credentialUnknown | credentialDisabled | certificateExpired |
 *   digestLength | numSignaturesInvalid | otpInvalid | otpLocked | pinInvalid | pinLocked
 */
export async function authorize(
  signer: Signer,
  request: Request,
): Promise<Result<SignerContract, 'credentials.authorize'>> {
  signer.time.assertTrusted();
  signer.feed.assertFresh();
  const { subscriber, credentialID } = request;
  const credential = await usableCredential(signer, signer.store.read, subscriber, credentialID);
  const { digest, digests } = readDigests(request.hashes);
  if (digests.length !== request.numSignatures) throw new KysoError('numSignaturesInvalid');

  await claimCode(signer, subscriber, request.otp, request.request);
  const key = await signer.rows.keys.find(signer.store.read, { id: credential.key });
  const vault = await signer.rows.vaults.find(signer.store.read, { subscriber });
  if (!key || !vault) throw new KysoError('integrity', 'a credential without key or vault');
  const pin = pinBytes(request.pin);
  const privateKey = await openWithPin(signer, vault, pin, request.request).finally(() => wipe(pin));
  const dek = await openDek(privateKey, key).finally(() => wipe(privateKey));
  return mintSad(signer, request, { credential, key, dek, digest, digests }).finally(() => wipe(dek));
}

type Opened = { credential: Credential; key: Key; dek: Buffer; digest: DigestName; digests: Buffer[] };

async function mintSad(signer: Signer, request: Request, { credential, key, dek, digest, digests }: Opened) {
  const sad = randomBytes(32).toString('base64url');
  const createdAt = signer.time.now();
  const { subscriber, client, grant } = request;
  const row = {
    ...{ id: authorizationId(sad), subscriber, client, grant, credential: credential.id },
    ...{ key: key.id, keyVersion: key.keyVersion, digest, total: digests.length, remaining: digests.length },
    ...{ open: 0, origin: authorizationId(sad), capAt: createdAt + transactionCap * 1000 },
    ...{ createdAt, expiresAt: createdAt + lifetime * 1000, epoch: signer.epoch },
  };
  const sadKey = keyFromSad(sad, row.id);
  const sealedDek = seal(sadKey, dek, sadFacts(row));
  wipe(sadKey);
  const unspent = digests.map((bytes) => ({ digest: bytes, signing: null }));
  const hashesMac = macOfHashes(signer, row.id, unspent);
  await signer.store.write(async (tx) => {
    await signer.rows.authorizations.insert(tx, { ...row, sealedDek, hashesMac });
    await insertHashes(tx, row.id, digests);
    const factors = await signer.rows.factors.lock(tx, { subscriber });
    if (factors) await signer.rows.factors.replace(tx, factors, pinCleared);
    await record(signer, tx, {
      ...{ event: 'authorize', actor: client, result: 'done', request: request.request, subscriber },
      ...{ credential: credential.id, authorization: row.id, algorithm: digest },
      hashes: digests.map((bytes) => bytes.toString('hex')),
      detail: { grant },
    });
  });
  return { sad, expiresIn: lifetime };
}

/** One length for all hashes, and that length names the algorithm: 32, 48 or 64 bytes (design §4). */
function readDigests(hashes: string[]): { digest: DigestName; digests: Buffer[] } {
  const digests = hashes.map((hash) => Buffer.from(hash, 'base64'));
  const digest = digestByLength(digests[0]?.length ?? 0);
  if (!digest || digests.some((bytes) => bytes.length !== digests[0]?.length)) throw new KysoError('digestLength');
  return { digest, digests };
}

/** Opens the DEK that was sealed under a SAD. The caller wipes it. @throws KysoError integrity */
export function openWithSad(sad: string, authorization: Authorization): Buffer {
  if (!authorization.sealedDek) throw new KysoError('integrity', 'the sealed DEK is gone');
  const key = keyFromSad(sad, authorization.id);
  try {
    return open(key, authorization.sealedDek, sadFacts(authorization));
  } finally {
    wipe(key);
  }
}

const keyFromSad = (sad: string, authorization: string) =>
  deriveKey(Buffer.from(sad), Buffer.from(authorization), 'kyso SAD');

function sadFacts(
  row: Pick<Authorization, 'id' | 'subscriber' | 'client' | 'grant' | 'credential' | 'key' | 'keyVersion'>,
) {
  const { id, subscriber, client, grant, credential, key, keyVersion } = row;
  return { use: 'sad', authorization: id, subscriber, client, grant, credential, key, keyVersion };
}
