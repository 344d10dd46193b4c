import { KysoError } from '../base/errors.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Signer } from './context.ts';

export async function extendTransaction(
  _signer: Signer,
  _request: Params<SignerContract, 'credentials.extendTransaction'>,
): Promise<Result<SignerContract, 'credentials.extendTransaction'>> {
  throw new KysoError('internal', 'not built yet');
}
