import { wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { mayExtend } from '../store/signer/authorizations.ts';
import type { Authorization, SignerTx } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { holdUsable, usableCredential } from './credentials.ts';
import { hashesOf, isSpent, readDigests, takePlaces } from './hashes.ts';
import {
  authorizationId,
  insertAuthorization,
  type NewAuthorization,
  newSad,
  openWithSad,
  sadLifetime,
} from './sad.ts';
import { assertUnexpired, explain } from './spend.ts';

type Request = Params<SignerContract, 'credentials.extendTransaction'>;

/**
 * credentials/extendTransaction: a new SAD in place of one that still has signatures left, with the same bindings and
 * every hash that is not spent. Hashes of the request that are not among those fill open slots. It never raises the
 * total, never replaces a hash, and lives no longer than an hour from authorize (design §4, which overrules the CSC
 * reference §4.9).
 * @throws KysoError feedStale | clockUntrusted | sadInvalid | sadExpired | credentialUnknown | certificateStatus |
 *   certificateExpired | credentialDisabled | digestLength | hashNotAuthorized
 */
export async function extendTransaction(
  signer: Signer,
  request: Request,
): Promise<Result<SignerContract, 'credentials.extendTransaction'>> {
  signer.time.assertTrusted();
  signer.feed.assertFresh();
  const found = await explain(signer, authorizationId(request.sad), request);
  assertUnexpired(signer, found);
  await usableCredential(signer, request.subscriber, request.credentialID);
  const wanted = wantedDigests(request, found);
  const now = signer.time.now();
  // Answers are in whole seconds, and none promises more than the cap leaves.
  const expiresIn = Math.floor(Math.min(sadLifetime, found.capAt - now) / 1000);
  if (expiresIn < 1) throw new KysoError('sadExpired');

  const dek = openWithSad(request.sad, found);
  const { sad, id, sealedDek } = newSad(found, dek);
  wipe(dek);
  await signer.store.write(async (tx) => {
    await holdUsable(signer, tx, request.subscriber, request.credentialID);
    const old = await endOld(signer, tx, found);
    const { digests, filled } = await carryOver(signer, tx, old, wanted);
    const { subscriber, client, grant, credential, key, keyVersion, digest, total, remaining, origin, capAt } = old;
    const next: NewAuthorization = {
      ...{ id, subscriber, client, grant, credential, key, keyVersion, digest, total, remaining, sealedDek },
      ...{ open: old.open - filled.length, origin, capAt, epoch: signer.epoch },
    };
    await insertAuthorization(signer, tx, next, now, digests);
    await record(signer, tx, {
      ...{ event: 'extend', actor: client, result: 'done', request: request.request, subscriber, credential },
      ...{ authorization: id, algorithm: digest, hashes: filled.map((bytes) => bytes.toString('hex')) },
      detail: { before: old.id, origin, remaining, open: next.open },
    });
  });
  return { sad, expiresIn };
}

function wantedDigests(request: Request, authorization: Authorization): Buffer[] {
  if (request.hashes.length === 0) return [];
  const { digest, digests } = readDigests(request.hashes);
  if (digest !== authorization.digest) throw new KysoError('digestLength');
  return digests;
}

/** Ends the old authorization: of any number of parallel extends and spends, nobody uses it after this one. */
async function endOld(signer: Signer, tx: SignerTx, found: Authorization): Promise<Authorization> {
  const { id, subscriber, client, grant, credential } = found;
  const key = { id, subscriber, client, grant, credential, epoch: signer.epoch };
  const old = await signer.rows.authorizations.lock(tx, key, mayExtend(tx, signer.time.now()));
  if (!old) throw new KysoError('sadInvalid');
  await signer.rows.authorizations.replace(tx, old, { remaining: 0, open: 0, sealedDek: null });
  return old;
}

/** What the new authorization is for: every unspent hash of the old one, and behind them what fills its open slots. */
async function carryOver(signer: Signer, tx: SignerTx, old: Authorization, wanted: Buffer[]) {
  const hashes = await hashesOf(signer, tx, old);
  const { taken } = takePlaces(hashes, old.spent, wanted);
  const filled = wanted.filter((_, index) => taken[index] === undefined);
  if (filled.length > old.open) throw new KysoError('hashNotAuthorized');
  const unspent = hashes.digests.filter((_, place) => !isSpent(old.spent, place));
  return { digests: [...unspent, ...filled], filled };
}
