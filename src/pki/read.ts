import { X509Certificate } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import { certificateFields } from './certificate-fields.ts';
import { distinguishedName } from './distinguished-name.ts';
import { keyTypeOf } from './public-key.ts';

/** What other rooms need to know of a certificate. */
export type CertificateFacts = {
  /** RFC 4514 strings. */
  subjectDN: string;
  issuerDN: string;
  /** Upper-case hex, two digits for each byte, no leading zero byte. */
  serialNumber: string;
  validFrom: Date;
  validTo: Date;
  /** SubjectPublicKeyInfo, DER. */
  spki: Buffer;
  /** In the names of the algorithm table, such as `RSA-2048` or `EC-P256`. */
  keyType: string;
};

/**
 * The facts of a DER certificate.
 * @throws KysoError document — not an X.509 v3 certificate
 */
export function readCertificate(der: Uint8Array): CertificateFacts {
  const fields = certificateFields(der);
  const certificate = parse(der);
  return {
    subjectDN: distinguishedName(fields.subject),
    issuerDN: distinguishedName(fields.issuer),
    serialNumber: certificate.serialNumber,
    validFrom: certificate.validFromDate,
    validTo: certificate.validToDate,
    spki: fields.spki,
    keyType: keyTypeOf(certificate.publicKey),
  };
}

function parse(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new KysoError('document', 'not an X.509 v3 certificate', { cause });
  }
}
