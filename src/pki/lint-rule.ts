import type { X509Certificate } from 'node:crypto';
import type { CertificateDraft } from './certificate.ts';
import type { CertificateFields } from './certificate-fields.ts';

/** What the rules look at: the certificate as its bytes say, what was asked for, and who is to sign. */
export type Candidate = {
  fields: CertificateFields;
  draft: CertificateDraft;
  /** The same bytes as OpenSSL reads them. */
  parsed: X509Certificate;
  /** The issuer's certificate; the candidate itself when the subject signs its own. */
  issuer: CertificateFields;
  issuerParsed: X509Certificate;
};

/** A rule: the sentence that a refusal quotes, with its source, and what must hold. */
export type Rule = { text: string; holds(candidate: Candidate): boolean };
