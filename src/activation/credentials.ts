import { KysoError } from '../base/errors.ts';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import type { Credential, SignerTx, Subscriber } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';

/** The ids of a subscriber's credentials that have a certificate, oldest first. */
export async function listCredentials(
  signer: Signer,
  { subscriber, after, limit }: Params<SignerContract, 'credentials.list'>,
): Promise<Result<SignerContract, 'credentials.list'>> {
  const credentials = await signer.rows.credentials.list(signer.store.read, { subscriber });
  const usable = credentials
    .filter((credential) => credential.chain !== '[]')
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
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
  const keyType = credential.keyType as KeyTypeName;
  // A frozen account and a block disable the key and leave the certificate as it is.
  const person = await signer.rows.subscribers.find(signer.store.read, { id: subscriber });
  const signAlgos = signer.token.signAlgos(keyType);
  const certStatus = statusOf(credential, signer.time.now());
  const mayUse = !credential.blocked && person?.status === 'active';
  const usable = certStatus === 'valid' && mayUse && signAlgos.length > 0;
  return {
    keyStatus: usable ? ('enabled' as const) : ('disabled' as const),
    keyType,
    signAlgos,
    otp: credential.otp as 'totp' | 'email',
    certStatus,
    chain: JSON.parse(credential.chain) as string[],
  };
}

/** The certificate's status in the words of CSC. */
function statusOf({ certificateStatus, notAfter }: Credential, now: number) {
  if (certificateStatus === 'revoked') return 'revoked' as const;
  if (notAfter <= now) return 'expired' as const;
  return certificateStatus === 'hold' ? ('suspended' as const) : ('valid' as const);
}

/** @throws KysoError credentialUnknown — the same for one that does not exist and for somebody else's (S19) */
export async function ownCredential(signer: Signer, tx: SignerTx, subscriber: string, id: string): Promise<Credential> {
  const credential = await signer.rows.credentials.find(tx, { id, subscriber });
  if (!credential || credential.chain === '[]') throw new KysoError('credentialUnknown');
  return credential;
}

/** A credential that may sign now, and its holder. */
export type Usable = { credential: Credential; person: Subscriber };

/**
 * A credential that may sign now, of an account that is active (S10).
 * @throws KysoError credentialUnknown | certificateStatus | certificateExpired | credentialDisabled
 */
export async function usableCredential(signer: Signer, subscriber: string, id: string): Promise<Usable> {
  const { store, rows } = signer;
  const credential = await ownCredential(signer, store.read, subscriber, id);
  return assertUsable(signer, credential, await rows.subscribers.find(store.read, { id: subscriber }));
}

/**
 * The same, asked in the transaction of a spend or of a new SAD: a block or freeze comes wholly before it, and then
 * refuses, or waits for its end. Whoever calls this does so before locking anything else.
 */
export async function holdUsable(
  { rows, time }: Signer,
  tx: SignerTx,
  subscriber: string,
  id: string,
): Promise<Usable> {
  const person = await rows.subscribers.hold(tx, { id: subscriber });
  return assertUsable({ time }, await rows.credentials.hold(tx, { id, subscriber }), person);
}

function assertUsable({ time }: Pick<Signer, 'time'>, credential?: Credential, person?: Subscriber): Usable {
  const now = time.now();
  if (!credential) throw new KysoError('credentialUnknown');
  if (credential.certificateStatus !== 'good') throw new KysoError('certificateStatus');
  if (credential.notAfter <= now || credential.notBefore > now) throw new KysoError('certificateExpired');
  if (credential.blocked || person?.status !== 'active') throw new KysoError('credentialDisabled');
  return { credential, person };
}
