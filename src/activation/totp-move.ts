import { KysoError } from '../base/errors.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Signer } from './context.ts';

export async function attestMove(
  _signer: Signer,
  _request: Params<SignerContract, 'totpMove.attest'>,
): Promise<Result<SignerContract, 'totpMove.attest'>> {
  throw new KysoError('internal', 'not built yet');
}

export async function beginMove(
  _signer: Signer,
  _request: Params<SignerContract, 'totpMove.begin'>,
): Promise<Result<SignerContract, 'totpMove.begin'>> {
  throw new KysoError('internal', 'not built yet');
}

export async function confirmMove(
  _signer: Signer,
  _request: Params<SignerContract, 'totpMove.confirm'>,
): Promise<Result<SignerContract, 'totpMove.confirm'>> {
  throw new KysoError('internal', 'not built yet');
}

export async function cancelMove(
  _signer: Signer,
  _request: Params<SignerContract, 'totpMove.cancel'>,
): Promise<Result<SignerContract, 'totpMove.cancel'>> {
  throw new KysoError('internal', 'not built yet');
}
