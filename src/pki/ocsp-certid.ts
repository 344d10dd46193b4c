import { createHash } from 'node:crypto';
import { certificateFields } from './certificate-fields.ts';
import { der, derNull, derOid, octetString, sequence, tags } from './der.ts';
import { type DerReader, serialText } from './der-reader.ts';
import { keyBits } from './public-key.ts';

/** Which certificate an OCSP client asks about (RFC 6960 §4.1.1). */
export type CertId = {
  /** OID. */
  hashAlgorithm: string;
  issuerNameHash: Buffer;
  issuerKeyHash: Buffer;
  /** Upper-case hex as everywhere; one that begins with `-` is negative, and nobody's. */
  serialNumber: string;
  /** All of its bytes, for the answer. */
  der: Buffer;
};

/** Hashes that a CertID may be made with: here SHA-1 only names an issuer, and most clients know no other. */
const hashes: Record<string, string> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** Reads the next element as a CertID. A hash that we do not know is no fault of form: it matches no issuer. */
export function readCertId(reader: DerReader): CertId {
  const element = reader.element(tags.sequence);
  const fields = reader.within(element);
  const algorithm = fields.enter();
  const hashAlgorithm = algorithm.oid();
  if (algorithm.optional(tags.null)?.content.length) throw reader.malformed();
  algorithm.end();
  const issuerNameHash = fields.element(tags.octetString).content;
  const issuerKeyHash = fields.element(tags.octetString).content;
  const serialNumber = serialText(fields.integer(64));
  fields.end();
  return { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber, der: element.raw };
}

/** Whether a CertID names a certificate of this issuer (its certificate, DER), by whichever of the known hashes. */
export function certIdMatches(certId: CertId, issuerCertificate: Uint8Array): boolean {
  const hash = hashes[certId.hashAlgorithm];
  if (!hash) return false;
  const { name, key } = issuerHashes(hash, issuerCertificate);
  return certId.issuerNameHash.equals(name) && certId.issuerKeyHash.equals(key);
}

/** The CertID (DER) of a certificate with this serial number (upper-case hex) of this issuer, by SHA-1 (RFC 9919). */
export function encodeCertId(serialNumber: Uint8Array, issuerCertificate: Uint8Array): Buffer {
  const { name, key } = issuerHashes('sha1', issuerCertificate);
  const algorithm = sequence(derOid('1.3.14.3.2.26'), derNull);
  return sequence(algorithm, octetString(name), octetString(key), der(tags.integer, serialNumber));
}

function issuerHashes(hash: string, issuerCertificate: Uint8Array): { name: Buffer; key: Buffer } {
  const { subject, spki } = certificateFields(issuerCertificate);
  const over = (bytes: Uint8Array) => createHash(hash).update(bytes).digest();
  return { name: over(subject), key: over(keyBits(spki)) };
}
