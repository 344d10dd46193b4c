import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { certificateFields, tbsAlgorithm } from './certificate-fields.ts';
import { der, tags } from './der.ts';
import { encodeName, type Subject } from './names.ts';
import type { Profile } from './profiles.ts';
import { importSpki, keyIdentifier } from './public-key.ts';

/** Everything that decides the bytes of a certificate. Nothing in it comes from a CSR (S76). */
export type CertificateDraft = {
  profile: Profile;
  /** Hex, see `newSerialNumber`. */
  serialNumber: string;
  subject: Subject;
  /** The subject's key, SubjectPublicKeyInfo DER. */
  publicKey: Uint8Array;
  notBefore: Date;
  notAfter: Date;
  /** The issuer's certificate, DER; absent when the subject signs its own. */
  issuer?: Uint8Array;
};

/** A serial number: 126 random bits in 16 bytes, positive, without a leading zero; upper-case hex (S74). */
export function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex').toUpperCase();
}

/** The subject as this profile shows it: what its switches turn off is left out. */
export function profiledSubject({ profile, subject }: Pick<CertificateDraft, 'profile' | 'subject'>): Subject {
  const { email, personalId, ...always } = subject;
  return {
    ...always,
    ...(profile.email && email !== undefined ? { email } : {}),
    ...(profile.personalId && personalId !== undefined ? { personalId } : {}),
  };
}

/** The SPKI of the key that signs a draft. */
export function issuerSpki(draft: CertificateDraft): Uint8Array {
  return draft.issuer ? certificateFields(draft.issuer).spki : draft.publicKey;
}

/**
 * The DER of the TBSCertificate that a draft describes.
 * @throws KysoError nameRefused
 * @throws KysoError document — the issuer's certificate or the key cannot be read
 */
export async function encodeTbs(draft: CertificateDraft): Promise<Buffer> {
  const subject = profiledSubject(draft);
  const subjectName = encodeName(subject);
  const issuerKey = issuerSpki(draft);
  const generated = await x509.X509CertificateGenerator.create({
    serialNumber: draft.serialNumber,
    subject: new x509.Name(subjectName),
    issuer: new x509.Name(draft.issuer ? certificateFields(draft.issuer).subject : subjectName),
    publicKey: draft.publicKey,
    notBefore: draft.notBefore,
    notAfter: draft.notAfter,
    signingAlgorithm: signingAlgorithm(issuerKey),
    // Only the TBS is taken from the generated certificate: this signature is a blank.
    signature: new Uint8Array(64),
    extensions: [
      new x509.BasicConstraintsExtension(
        draft.profile.authority !== undefined,
        draft.profile.authority?.pathLength,
        true,
      ),
      new x509.KeyUsagesExtension(
        draft.profile.keyUsage.reduce((flags, usage) => flags | x509.KeyUsageFlags[usage], 0),
        true,
      ),
      new x509.SubjectKeyIdentifierExtension(keyIdentifier(draft.publicKey).toString('hex')),
      new x509.AuthorityKeyIdentifierExtension(keyIdentifier(issuerKey).toString('hex')),
      ...(subject.email === undefined
        ? []
        : [new x509.SubjectAlternativeNameExtension([{ type: 'email', value: subject.email }])]),
    ],
  });
  return certificateFields(new Uint8Array(generated.rawData)).tbs;
}

function signingAlgorithm(spki: Uint8Array): { name: string; hash: string } {
  const name = importSpki(spki).asymmetricKeyType === 'ec' ? 'ECDSA' : 'RSASSA-PKCS1-v1_5';
  return { name, hash: 'SHA-256' };
}

/**
 * The certificate: exactly the given TBS, the algorithm that stands in it once more, and the signature (ECDSA as DER,
 * RSA as PKCS#1 v1.5 bytes).
 */
export function assembleCertificate(tbs: Uint8Array, signature: Uint8Array): Buffer {
  return der(tags.sequence, tbs, tbsAlgorithm(tbs), der(tags.bitString, Buffer.of(0), signature));
}
