import { certificateFields, readValidity } from './certificate-fields.ts';
import { serialText } from './der-reader.ts';
import { distinguishedName } from './distinguished-name.ts';
import { importSpki, keyTypeOf } from './public-key.ts';

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
 * @throws KysoError document — not an X.509 v3 certificate, or its key is none
 */
export function readCertificate(der: Uint8Array): CertificateFacts {
  const fields = certificateFields(der);
  const { notBefore, notAfter } = readValidity(fields);
  return {
    subjectDN: distinguishedName(fields.subject),
    issuerDN: distinguishedName(fields.issuer),
    serialNumber: serialText(fields.serialNumber),
    validFrom: notBefore,
    validTo: notAfter,
    spki: fields.spki,
    keyType: keyTypeOf(importSpki(fields.spki)),
  };
}
