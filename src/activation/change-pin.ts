import { KysoError } from '../base/errors.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Signer } from './context.ts';

export async function changePin(
  _signer: Signer,
  _request: Params<SignerContract, 'account.changePin'>,
): Promise<Result<SignerContract, 'account.changePin'>> {
  throw new KysoError('internal', 'not built yet');
}
