import { KysoError } from '../base/errors.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Signer } from './context.ts';

export async function accountStatus(
  _signer: Signer,
  _request: Params<SignerContract, 'account.status'>,
): Promise<Result<SignerContract, 'account.status'>> {
  throw new KysoError('internal', 'not built yet');
}

export async function freeze(
  _signer: Signer,
  _request: Params<SignerContract, 'account.freeze'>,
): Promise<Result<SignerContract, 'account.freeze'>> {
  throw new KysoError('internal', 'not built yet');
}

export async function unfreeze(
  _signer: Signer,
  _request: Params<SignerContract, 'account.unfreeze'>,
): Promise<Result<SignerContract, 'account.unfreeze'>> {
  throw new KysoError('internal', 'not built yet');
}
