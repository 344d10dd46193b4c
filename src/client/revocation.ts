import { KysoError } from '../base/errors.ts';
import { certificateAddresses } from '../pki/addresses.ts';
import { nameOf } from './chain.ts';
import { crlStatus } from './crl-status.ts';
import { LevelError } from './level.ts';
import { ocspStatus } from './ocsp-status.ts';
import type { Retrieve } from './retrieve.ts';
import type { Status } from './status.ts';

/**
 * The status of a certificate, from the OCSP responder that it names, or, where it names none, by the CRL that it names.
 * @throws KysoError certificateStatus — revoked, on hold, or not known to its responder
 * @throws LevelError — it names neither, or the answer cannot be had or does not verify
 */
export async function statusOf(certificate: Buffer, issuer: Buffer, retrieve: Retrieve): Promise<Status> {
  const name = nameOf(certificate);
  const { ocsp, crls } = certificateAddresses(certificate);
  try {
    if (ocsp[0] !== undefined) return await ocspStatus(certificate, issuer, ocsp[0], retrieve);
    if (crls[0] !== undefined) return await crlStatus(certificate, issuer, crls[0], retrieve);
  } catch (cause) {
    if (!(cause instanceof KysoError) || cause.kind === 'certificateStatus') throw cause;
    throw new LevelError('status', `The status of the certificate of ${name} cannot be had: ${cause.message}`, {
      cause,
    });
  }
  throw new LevelError('status', `The certificate of ${name} names neither an OCSP responder nor a CRL.`);
}
