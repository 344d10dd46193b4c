import { wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { DigestName } from '../crypto/algorithms.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Credential, Key } from '../store/signer/tables.ts';
import { claimEmailCode } from './codes.ts';
import { record, type Signer } from './context.ts';
import { holdUsable, usableCredential } from './credentials.ts';
import { readDigests } from './hashes.ts';
import { openDek } from './keys.ts';
import { openWithPin, pinBytes, pinCleared } from './pin.ts';
import { renew } from './renew.ts';
import { insertAuthorization, newSad, sadLifetime, transactionCap } from './sad.ts';
import { claimCode } from './totp.ts';
import { assertOpens } from './usable-keys.ts';

type Request = Params<SignerContract, 'credentials.authorize'>;

/**
 * Makes a SAD for exactly these hashes (SCAL2): status, one-time code, PIN, in this order (design §3 step 4). Between
 * here and signing, nothing at rest can open the key; the SAD carries the missing part. With `openSlots` there may be
 * fewer hashes than signatures: extendTransaction names the rest.
 * @throws KysoError feedStale | clockUntrusted | credentialUnknown | certificateStatus | certificateExpired |
 *   credentialDisabled | unavailable | keyUnusable | digestLength | numSignaturesInvalid | otpInvalid | otpLocked | pinInvalid | pinLocked
 */
export async function authorize(
  signer: Signer,
  request: Request,
): Promise<Result<SignerContract, 'credentials.authorize'>> {
  signer.time.assertTrusted();
  signer.feed.assertFresh();
  const { subscriber, credentialID } = request;
  const { credential } = await usableCredential(signer, subscriber, credentialID);
  const { digest, digests } = readDigests(request.hashes);
  const open = request.numSignatures - digests.length;
  if (open < 0 || (open > 0 && !request.openSlots)) throw new KysoError('numSignaturesInvalid');

  const key = await signer.rows.keys.find(signer.store.read, { id: credential.key });
  if (!key) throw new KysoError('integrity', 'a credential without a key');
  if (key.endedAt !== null) throw anotherKey();
  assertOpens(signer, key); // before a code is used up for it
  if (credential.otp === 'email') await claimEmailCode(signer, credential, request);
  else await claimCode(signer, subscriber, request.otp, request.request);
  await failpoint('authorize.codeClaimed');
  const vault = await signer.rows.vaults.find(signer.store.read, { subscriber });
  if (!vault) throw new KysoError('integrity', 'a credential without a vault');
  const pin = pinBytes(request.pin);
  let privateKey: Buffer | undefined;
  let dek: Buffer | undefined;
  try {
    privateKey = await openWithPin(signer, vault, pin, request.request);
    dek = await openDek(privateKey, key);
    const minted = await mintSad(signer, request, { credential, key, dek, digest, digests });
    await renew(signer, { vault, privateKey, pin, key });
    return minted;
  } finally {
    wipe(pin, privateKey, dek);
  }
}

/** The next try finds the key that took over in the middle of this one. */
const anotherKey = () => new KysoError('unavailable', 'another key takes over at this moment');

type Opened = { credential: Credential; key: Key; dek: Buffer; digest: DigestName; digests: Buffer[] };

async function mintSad(signer: Signer, request: Request, { credential, key, dek, digest, digests }: Opened) {
  const { subscriber, client, grant, numSignatures } = request;
  await failpoint('authorize.pinRight');
  const createdAt = signer.time.now();
  const binding = { subscriber, client, grant, credential: credential.id, key: key.id, keyVersion: key.keyVersion };
  const { sad, id, sealedDek } = newSad(binding, dek);
  const counts = { total: numSignatures, remaining: numSignatures, open: numSignatures - digests.length };
  const row = {
    ...{ ...binding, ...counts, id, sealedDek, digest, epoch: signer.epoch },
    ...{ origin: id, capAt: createdAt + transactionCap },
  };
  await signer.store.write(async (tx) => {
    const usable = await holdUsable(signer, tx, subscriber, credential.id);
    if (usable.credential.key !== key.id) throw anotherKey();
    await insertAuthorization(signer, tx, row, createdAt, digests);
    const factors = await signer.rows.factors.lock(tx, { subscriber });
    if (factors) await signer.rows.factors.replace(tx, factors, pinCleared);
    await record(signer, tx, {
      ...{ event: 'authorize', actor: client, result: 'done', request: request.request, subscriber },
      ...{ credential: credential.id, authorization: id, algorithm: digest },
      hashes: digests.map((bytes) => bytes.toString('hex')),
      detail: { grant, ...(counts.open > 0 && { open: counts.open }) },
    });
  });
  await failpoint('authorize.recorded');
  return { sad, expiresIn: sadLifetime / 1000 };
}
