import { X509Certificate } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import { nameOf } from './chain.ts';

/**
 * Evidence (DER, verified) that a certificate was good between two instants: an OCSP response, with the certificate of
 * whoever signed it where that is not the issuer itself, or a CRL.
 */
export type Status = { evidence: 'ocsp' | 'crl'; der: Buffer; from: Date; until: Date; responder?: Buffer };

/** @throws KysoError certificateStatus — says what the certificate is, and since when */
export function refuseRevoked(certificate: Buffer, revokedAt: Date, reason: string): never {
  const what = reason === 'certificateHold' ? 'suspended' : 'revoked';
  const text = `The certificate of ${nameOf(certificate)} is ${what} since ${revokedAt.toISOString()} (${reason}).`;
  throw new KysoError('certificateStatus', text);
}

/** Upper-case hex, as the readers of CRLs and OCSP have it. */
export const serialOf = (certificate: Buffer): string => new X509Certificate(certificate).serialNumber;
