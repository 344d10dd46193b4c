import { KysoError } from '../base/errors.ts';
import type { Params } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Signer } from './context.ts';
import { hashesOf, takePlaces } from './hashes.ts';
import { authorizationId } from './sad.ts';
import { ownAuthorization } from './spend.ts';

/**
 * Whether a SAD is this caller's and allows these hashes: what CSC v1 §11.9 wants answered before other members of a
 * signHash request are looked at. It changes and promises nothing; the spend asks all of it again.
 * @throws KysoError sadInvalid | hashNotAuthorized
 */
export async function checkSad(
  signer: Signer,
  request: Params<SignerContract, 'sad.check'>,
): Promise<Record<string, never>> {
  const authorization = await ownAuthorization(signer, authorizationId(request.sad), request);
  if (request.hashes.length === 0) return {};
  const hashes = await hashesOf(signer, signer.store.read, authorization);
  const digests = request.hashes.map((hash) => Buffer.from(hash, 'base64'));
  if (takePlaces(hashes, authorization.spent, digests).taken.includes(undefined))
    throw new KysoError('hashNotAuthorized');
  return {};
}
