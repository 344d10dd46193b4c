import { KysoError } from '../../base/errors.ts';
import { type CertificateFields, certificateFields } from '../../pki/certificate-fields.ts';
import { basicConstraintsOf, criticalBeyond, keyUsagesOf } from '../../pki/certificate-uses.ts';

/** Critical extensions that are looked at here, or that restrict nothing that a signature needs (RFC 5280 §4.2.1). */
const known = {
  subscriber: ['2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.31', '2.5.29.32'], // usage, other name, constraints, CRL, policies
  authority: ['2.5.29.15', '2.5.29.19', '2.5.29.32'],
};

/**
 * That an outside authority's certificate is one to sign documents with: no authority's, for signatures, and without a
 * critical extension that is not known here.
 * @throws KysoError orderRefused — what is wrong with it; document — an extension is malformed
 */
export function assertSubscriberCertificate(fields: CertificateFields): void {
  const refuse = (why: string) => new KysoError('orderRefused', `this is no subscriber's certificate: ${why}`);
  const usages = keyUsagesOf(fields) ?? [];
  if (basicConstraintsOf(fields).authority || usages.includes('keyCertSign'))
    throw refuse('it makes its key an authority');
  if (!usages.includes('nonRepudiation') && !usages.includes('digitalSignature'))
    throw refuse('its key usage has neither digitalSignature nor nonRepudiation');
  const unknown = criticalBeyond(fields, known.subscriber);
  if (unknown.length > 0) throw refuse(`it has critical extensions that are not known here: ${unknown.join(', ')}`);
}

/**
 * Whether a certificate is one of an authority that may stand above an end entity with `between` authorities between them.
 * @param der from untrusted hands
 */
export function isAuthority(der: Buffer, between = 0): boolean {
  try {
    const fields = certificateFields(der);
    const { authority, pathLength } = basicConstraintsOf(fields);
    const signs = keyUsagesOf(fields)?.includes('keyCertSign') !== false;
    return authority && signs && pathLength >= between && criticalBeyond(fields, known.authority).length === 0;
  } catch {
    return false;
  }
}
