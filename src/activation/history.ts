import { KysoError } from '../base/errors.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Signer } from './context.ts';

export async function history(
  _signer: Signer,
  _request: Params<SignerContract, 'account.history'>,
): Promise<Result<SignerContract, 'account.history'>> {
  throw new KysoError('internal', 'not built yet');
}
