import { KysoError } from '../base/errors.ts';
import { digests, hashMember, pssParams, resolveScheme, signAlgos } from '../crypto/algorithms.ts';
import { signerKey } from '../pki/cms.ts';
import type { CredentialInfo } from './csc-answers.ts';

/** One of the account's credentials, or what chooses one of them. */
export type WantedCredential = string | ((credentialIDs: readonly string[], token: string) => string | Promise<string>);

/**
 * The wanted one of these, or the first.
 * @throws KysoError credentialUnknown — there is none, or not this one
 */
export async function pickCredential(
  credentialIDs: string[],
  wanted: WantedCredential | undefined,
  token: string,
): Promise<string> {
  if (credentialIDs.length === 0) throw new KysoError('credentialUnknown', 'The account has no credential.');
  const chosen = typeof wanted === 'function' ? await wanted(credentialIDs, token) : (wanted ?? credentialIDs[0]);
  if (chosen !== undefined && credentialIDs.includes(chosen)) return chosen;
  throw new KysoError('credentialUnknown', 'The account does not have this credential.');
}

/** The first known algorithm that the service lists for the key, with the digest that it implies (SHA-256 if none). */
export function chooseAlgorithm({ key, authMode, cert }: CredentialInfo) {
  if (key.status === 'disabled') throw new KysoError('credentialDisabled', 'The credential is disabled.');
  if (authMode !== 'explicit') {
    throw new KysoError('credentialUnknown', 'The credential is not one that is opened with PIN and one-time code.');
  }
  const signAlgo = key.algo.find((oid) => signAlgos.some((row) => row.oid === oid)) ?? key.algo[0]!;
  const { keyType } = signerKey(cert.certificates[0]);
  const implied = signAlgos.find((row) => row.oid === signAlgo)?.digest;
  const hashAlgo = implied ? undefined : digests['SHA-256'].oid;
  const signAlgoParams = hashMember(signAlgo) === 'signAlgoParams' ? pssParams('SHA-256') : undefined;
  const scheme = resolveScheme(keyType, signAlgo, hashAlgo, signAlgoParams);
  return { signAlgo, ...(hashAlgo && { hashAlgo }), ...(signAlgoParams && { signAlgoParams }), scheme };
}
