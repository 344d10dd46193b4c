import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { KysoError } from '../base/errors.ts';
import { certificateFields, tbsAlgorithm } from './certificate-fields.ts';
import { der, derNull, tags } from './der.ts';
import { encodeName, type Subject } from './names.ts';
import type { Procedure, Profile } from './profiles.ts';
import { importSpki, keyIdentifier } from './public-key.ts';

/** Everything that decides the bytes of a certificate. Nothing in it comes from a CSR (S76). */
export type CertificateDraft = {
  profile: Profile;
  /** Hex, see `newSerialNumber`. */
  serialNumber: string;
  subject: Subject;
  /** The subject's key, SubjectPublicKeyInfo DER. */
  publicKey: Uint8Array;
  /** What the legal limit of the validity follows from. */
  procedure: Procedure;
  notBefore: Date;
  notAfter: Date;
  /** Where the issuer's certificate, its CRL and its OCSP responder are; absent for a root only. */
  urls?: CertificateUrls;
  /** OIDs of the certificate policies that it is issued under; none, no extension. */
  policies?: readonly string[];
  /** The issuer's certificate, DER; absent when the subject signs its own. */
  issuer?: Uint8Array;
};

/**
 * Addresses, plain http (RFC 5280 §8: who verifies a certificate cannot need one to ask for it). `crl` is that of the
 * certificate's shard, byte for byte as its CRL states it.
 */
export type CertificateUrls = { caIssuers: string; ocsp?: string; crl?: string };

/** In characters; the generator would fail over one of a megabyte before a rule could see it. */
const longestAddress = 500;

/** A serial number: 126 random bits in 16 bytes, positive, without a leading zero; upper-case hex (S74). */
export function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex').toUpperCase();
}

/** The subject as this profile shows it: what its switches turn off is left out. */
export function profiledSubject({ profile, subject }: { profile: Pick<Profile, 'shows'>; subject: Subject }): Subject {
  const { shows } = profile;
  const { country, commonName, locality, email, personalId } = subject;
  const committee = shows.committee ? subject.committee : undefined;
  return {
    country,
    ...(shows.locality && locality !== undefined && { locality }),
    organisation: committee ?? subject.organisation,
    organisationalUnits: [
      ...(committee === undefined ? [] : [subject.organisation]),
      ...(shows.organisationalUnits ? subject.organisationalUnits : []),
    ],
    commonName,
    ...(shows.email && email !== undefined && { email }),
    ...(shows.personalId && personalId !== undefined && { personalId }),
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
 * @throws KysoError lintRefused — an address is too long to be written
 */
export async function encodeTbs(draft: CertificateDraft): Promise<Buffer> {
  const subject = profiledSubject(draft);
  const subjectName = encodeName(subject);
  const issuerKey = issuerSpki(draft);
  if (Object.values(draft.urls ?? {}).some((url) => url.length > longestAddress)) {
    throw new KysoError('lintRefused', `Not issued: an address has more than ${longestAddress} characters.`);
  }
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
    extensions: extensionsOf(draft, subject, issuerKey),
  });
  return certificateFields(new Uint8Array(generated.rawData)).tbs;
}

function extensionsOf(draft: CertificateDraft, { email }: Subject, issuerKey: Uint8Array): x509.Extension[] {
  const { profile, urls, policies = [] } = draft;
  const usage = profile.keyUsage.reduce((flags, name) => flags | x509.KeyUsageFlags[name], 0);
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(profile.authority !== undefined, profile.authority?.pathLength, true),
    new x509.KeyUsagesExtension(usage, true),
    new x509.SubjectKeyIdentifierExtension(keyIdentifier(draft.publicKey).toString('hex')),
    new x509.AuthorityKeyIdentifierExtension(keyIdentifier(issuerKey).toString('hex')),
  ];
  if (profile.purpose) {
    const purpose = x509.ExtendedKeyUsage[profile.purpose];
    extensions.push(new x509.ExtendedKeyUsageExtension([purpose], profile.purpose === 'timeStamping'));
  }
  if (profile.purpose === 'ocspSigning') extensions.push(new x509.Extension(ocspNoCheck, false, derNull));
  if (email !== undefined) extensions.push(new x509.SubjectAlternativeNameExtension([{ type: 'email', value: email }]));
  if (policies.length > 0) extensions.push(new x509.CertificatePolicyExtension([...policies]));
  if (urls?.crl !== undefined) extensions.push(new x509.CRLDistributionPointsExtension([urls.crl]));
  if (urls) {
    const { ocsp, caIssuers } = urls;
    extensions.push(new x509.AuthorityInfoAccessExtension({ ...(ocsp !== undefined && { ocsp }), caIssuers }));
  }
  return extensions;
}

/** id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1): nobody asks for the status of who answers about status. */
const ocspNoCheck = '1.3.6.1.5.5.7.48.1.5';

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
