import { KysoError, kindOf } from '../../base/errors.ts';
import type { Peer } from '../../ipc/contract.ts';
import type { SignerContract } from '../../ipc/signer-contract.ts';
import { readCertificate } from '../../pki/read.ts';
import { invalidRequest, Refusal } from './errors.ts';

/**
 * Runs a call to signer and, when it was refused because the certificate has expired, says which certificate: the
 * row's text has the certificate's own organisation and common name (CSC v1 §11.9).
 */
export async function namingExpired<T>(
  signer: Peer<SignerContract>,
  credential: { subscriber: string; credentialID: string },
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (kindOf(error) !== 'certificateExpired') throw error;
    const { subscriber, credentialID } = credential;
    const { chain } = await signer.call('credentials.info', { subscriber, credentialID });
    throw expired(chain);
  }
}

/** The refusal that names the first certificate of a chain (base64 DER). */
export function expired([certificate]: string[]): Refusal {
  if (!certificate) throw new KysoError('internal', 'an expired certificate is not there');
  const { subjectDN } = readCertificate(Buffer.from(certificate, 'base64'));
  const name = `O=${attribute(subjectDN, 'O')},CN=${attribute(subjectDN, 'CN')}`;
  return new Refusal(invalidRequest(`Signing certificate '${name}' is expired.`));
}

/** The value of the first attribute of this type in an RFC 4514 string, with its escapes as they stand. */
function attribute(dn: string, type: string): string {
  return new RegExp(`(?:^|[,+])${type}=((?:\\\\.|[^\\\\,+])*)`).exec(dn)?.[1] ?? '';
}
