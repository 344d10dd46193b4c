import { type CertificateFields, certificateFields, readValidity } from './certificate-fields.ts';
import { readDer } from './der-reader.ts';
import { isSignedBy } from './signed.ts';

/**
 * Whether the issuer's name stands in the certificate and its key signed it (both DER). Validity, constraints and
 * revocation are not looked at.
 * @throws KysoError document — one of them is no certificate
 */
export function isIssuedBy(certificate: Uint8Array, issuer: Uint8Array): boolean {
  const { tbs, innerAlgorithm, outerAlgorithm: algorithm, signature, issuer: name } = certificateFields(certificate);
  const above = certificateFields(issuer);
  return (
    name.equals(above.subject) &&
    innerAlgorithm.equals(algorithm) &&
    isSignedBy({ tbs, algorithm, signature }, above.spki)
  );
}

/** Purposes of an Extended Key Usage. */
export const keyPurposes = { timeStamping: '1.3.6.1.5.5.7.3.8', ocspSigning: '1.3.6.1.5.5.7.3.9' } as const;

/** The extended key usages of a certificate (RFC 5280 §4.2.1.12), OIDs; none when the extension is not there. */
export function purposesOf({ extensions }: CertificateFields): string[] {
  const usage = extensions.find(({ oid }) => oid === '2.5.29.37');
  if (!usage) return [];
  return readDer(usage.value, 'an extended key usage').list(32, (purposes) => purposes.oid());
}

/** Whether a moment lies in a certificate's validity; both ends count. */
export function isValidAt(fields: CertificateFields, at: Date): boolean {
  const { notBefore, notAfter } = readValidity(fields);
  // Ends are in whole seconds: a second is over when the next begins.
  return at >= notBefore && at.getTime() < notAfter.getTime() + 1000;
}
