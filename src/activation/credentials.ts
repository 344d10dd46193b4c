import { KysoError } from '../base/errors.ts';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Credential, SignerTx } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';

/** The ids of a subscriber's credentials that have a certificate, oldest first. */
export async function listCredentials(
  signer: Signer,
  { subscriber, after, limit }: Params<SignerContract, 'credentials.list'>,
): Promise<Result<SignerContract, 'credentials.list'>> {
  const credentials = await signer.rows.credentials.list(signer.store.read, { subscriber });
  const usable = credentials
    .filter((credential) => credential.chain !== '[]')
    .sort((a, b) => a.createdAt - b.createdAt);
  const ids = usable.map((credential) => credential.id);
  const start = after === undefined ? 0 : ids.indexOf(after) + 1;
  if (after !== undefined && start === 0) throw new KysoError('pageTokenInvalid');
  const credentialIDs = ids.slice(start, start + limit);
  return { credentialIDs, more: ids.length > start + limit };
}

/** What credentials/info shows of one. @throws KysoError credentialUnknown — it does not exist, or is not theirs (S19) */
export async function describeCredential(
  signer: Signer,
  { subscriber, credentialID }: { subscriber: string; credentialID: string },
) {
  const credential = await ownCredential(signer, signer.store.read, subscriber, credentialID);
  const expired = credential.notAfter <= signer.time.now();
  const keyType = credential.keyType as KeyTypeName;
  return {
    keyStatus: expired || credential.blocked ? ('disabled' as const) : ('enabled' as const),
    keyType,
    signAlgos: signer.token.signAlgos(keyType),
    otp: credential.otp as 'totp' | 'email',
    certStatus: expired ? ('expired' as const) : credential.blocked ? ('suspended' as const) : ('valid' as const),
    chain: JSON.parse(credential.chain) as string[],
  };
}

/** @throws KysoError credentialUnknown — the same for one that does not exist and for somebody else's (S19) */
export async function ownCredential(signer: Signer, tx: SignerTx, subscriber: string, id: string): Promise<Credential> {
  const credential = await signer.rows.credentials.find(tx, { id, subscriber });
  if (!credential || credential.chain === '[]') throw new KysoError('credentialUnknown');
  return credential;
}

/**
 * A credential that may sign now, of an account that is active; asked at authorization and again in the transaction of
 * the spend (S10).
 * @throws KysoError credentialUnknown | credentialDisabled | certificateExpired
 */
export async function usableCredential(
  signer: Signer,
  tx: SignerTx,
  subscriber: string,
  id: string,
): Promise<Credential> {
  const credential = await ownCredential(signer, tx, subscriber, id);
  const person = await signer.rows.subscribers.find(tx, { id: subscriber });
  const now = signer.time.now();
  if (credential.blocked || person?.status !== 'active') throw new KysoError('credentialDisabled');
  if (credential.notAfter <= now || credential.notBefore > now) throw new KysoError('certificateExpired');
  return credential;
}
