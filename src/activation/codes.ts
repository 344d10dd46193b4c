import { KysoError } from '../base/errors.ts';
import type { Params } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Credential } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';

export async function sendOTP(
  _signer: Signer,
  _request: Params<SignerContract, 'credentials.sendOTP'>,
): Promise<Record<string, never>> {
  throw new KysoError('internal', 'not built yet');
}

export async function claimEmailCode(
  _signer: Signer,
  _credential: Credential,
  _request: { grant: string; otp: string; request: string },
): Promise<void> {
  throw new KysoError('internal', 'not built yet');
}
