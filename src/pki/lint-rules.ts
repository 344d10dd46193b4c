import type { X509Certificate } from 'node:crypto';
import { type CertificateDraft, profiledSubject } from './certificate.ts';
import type { CertificateFields } from './certificate-fields.ts';
import { der, tags } from './der.ts';
import { encodeName } from './names.ts';
import { lastSecond, legalYears } from './profiles.ts';
import { importSpki, keyIdentifier, keyTypeOf, weaknessOf } from './public-key.ts';

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

const oids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
} as const;

/**
 * The rules expect exact bytes rather than re-read what the generator wrote: for each field there is one right DER.
 * They judge the profile, too: an authority and a subscriber certificate each have one lawful shape.
 */
export const rules: readonly Rule[] = [
  {
    text: 'the serial number is the recorded one, positive, 8 to 20 octets (RFC 5280 §4.1.2.2, S74)',
    holds: ({ fields: { serialNumber }, draft }) =>
      serialNumber.toString('hex').toUpperCase() === draft.serialNumber &&
      (serialNumber[0] ?? 0x80) < 0x80 &&
      serialNumber.length >= 8 &&
      serialNumber.length <= 20,
  },
  {
    text: 'the signature algorithm stands in both places and fits the issuer key (RFC 5280 §4.1.1.2)',
    holds: ({ fields, issuer }) => {
      const expected = signatureAlgorithms[importSpki(issuer.spki).asymmetricKeyType ?? ''];
      return fields.innerAlgorithm.equals(fields.outerAlgorithm) && expected?.equals(fields.innerAlgorithm) === true;
    },
  },
  {
    text: 'the issuer name repeats the subject name of the issuer byte by byte (RFC 5280 §4.1.2.4)',
    holds: ({ fields, issuer }) => fields.issuer.equals(issuer.subject),
  },
  {
    text: 'the validity is in whole seconds of UTC in the right time type, and ends after it begins (RFC 5280 §4.1.2.5)',
    holds: ({ fields, draft: { notBefore, notAfter } }) =>
      notBefore < notAfter && fields.validity.equals(der(tags.sequence, encodeTime(notBefore), encodeTime(notAfter))),
  },
  {
    text: 'the validity keeps to the legal limit (Decree 68/2024/NĐ-CP art. 9)',
    holds: ({ draft: { profile, notBefore, notAfter } }) =>
      notAfter <= lastSecond(notBefore, profile.authority ? legalYears.authority : legalYears.subscriber),
  },
  {
    text: 'the validity lies within that of the issuer',
    holds: ({ draft: { notBefore, notAfter }, issuerParsed }) =>
      notBefore >= issuerParsed.validFromDate && notAfter <= issuerParsed.validToDate,
  },
  {
    text: 'the subject name is the approved one, in our order and string types (RFC 5280 §4.1.2.6, S76)',
    holds: ({ fields, draft }) => fields.subject.equals(encodeName(profiledSubject(draft))),
  },
  {
    text: 'the subject key is the ordered one, of a type that the profile accepts, and not weak (S77)',
    holds: ({ fields: { spki }, draft }) =>
      spki.equals(draft.publicKey) &&
      draft.profile.keyTypes.includes(keyTypeOf(importSpki(spki))) &&
      weaknessOf(spki) === undefined,
  },
  {
    text: 'a key that is not its own issuer differs from the key of its issuer',
    holds: ({ fields, draft, issuer }) => draft.issuer === undefined || !fields.spki.equals(issuer.spki),
  },
  {
    text: 'the issuer is an authority that may have this certificate below it (RFC 5280 §4.2.1.9)',
    holds: ({ draft: { profile, issuer: above }, issuer }) => {
      if (above === undefined) return profile.authority !== undefined;
      const allowed = pathLength(issuer);
      const signsCertificates = extensionValue(issuer, oids.keyUsage)?.equals(authorityKeyUsage) === true;
      return signsCertificates && allowed !== undefined && allowed > (profile.authority?.pathLength ?? -1);
    },
  },
  {
    text: 'each extension of its kind is there once, with the right criticality, and no other (RFC 5280 §4.2)',
    holds: ({ fields, draft }) => {
      const expected = [
        `${oids.basicConstraints} true`,
        `${oids.keyUsage} true`,
        `${oids.subjectKeyIdentifier} false`,
        `${oids.authorityKeyIdentifier} false`,
        ...(profiledSubject(draft).email === undefined ? [] : [`${oids.subjectAltName} false`]),
      ];
      const found = fields.extensions.map(({ oid, critical }) => `${oid} ${critical}`);
      return found.length === expected.length && expected.every((extension) => found.includes(extension));
    },
  },
  {
    text: 'basic constraints say what the certificate is (RFC 5280 §4.2.1.9)',
    holds: ({ fields, draft: { profile } }) =>
      profile.authority
        ? pathLength(fields) === profile.authority.pathLength
        : extensionValue(fields, oids.basicConstraints)?.equals(subscriberConstraints) === true,
  },
  {
    text: 'an authority signs certificates and CRLs only, a subscriber signs data only (RFC 5280 §4.2.1.3)',
    holds: ({ fields, draft: { profile } }) =>
      extensionValue(fields, oids.keyUsage)?.equals(profile.authority ? authorityKeyUsage : subscriberKeyUsage) ===
      true,
  },
  {
    text: 'the key identifiers are those of the subject key and the issuer key (RFC 5280 §4.2.1.1, §4.2.1.2)',
    holds: ({ fields, issuer }) => {
      const own = der(tags.octetString, keyIdentifier(fields.spki));
      const above = der(tags.sequence, der(tags.context0, keyIdentifier(issuer.spki)));
      return (
        extensionValue(fields, oids.subjectKeyIdentifier)?.equals(own) === true &&
        extensionValue(fields, oids.authorityKeyIdentifier)?.equals(above) === true
      );
    },
  },
  {
    text: 'an e-mail address in the name is an rfc822Name as well (RFC 5280 §4.1.2.6)',
    holds: ({ fields, draft }) => {
      const { email } = profiledSubject(draft);
      const expected = email && der(tags.sequence, der(tags.context1, Buffer.from(email)));
      return !expected || extensionValue(fields, oids.subjectAltName)?.equals(expected) === true;
    },
  },
  {
    text: 'OpenSSL reads the certificate, takes it for what it is, and takes the issuer for its issuer',
    holds: ({ parsed, issuerParsed, draft: { profile } }) =>
      parsed.ca === (profile.authority !== undefined) && parsed.checkIssued(issuerParsed),
  },
];

/** RFC 4055 §5 and RFC 5758 §3.2: sha256WithRSAEncryption with NULL, ecdsa-with-SHA256 without parameters. */
const signatureAlgorithms: Record<string, Buffer> = {
  rsa: Buffer.from('300d06092a864886f70d01010b0500', 'hex'),
  ec: Buffer.from('300a06082a8648ce3d040302', 'hex'),
};

/** KeyUsage keyCertSign + cRLSign, digitalSignature + nonRepudiation; BasicConstraints of a subscriber. */
const authorityKeyUsage = Buffer.from('03020106', 'hex');
const subscriberKeyUsage = Buffer.from('030206c0', 'hex');
const subscriberConstraints = Buffer.from('3000', 'hex');

/** The path length of an authority's certificate: BasicConstraints { cA TRUE, pathLenConstraint n }. */
function pathLength(fields: CertificateFields): number | undefined {
  const value = extensionValue(fields, oids.basicConstraints)?.toString('hex') ?? '';
  const length = /^30060101ff0201([0-7][0-9a-f])$/.exec(value)?.[1];
  return length === undefined ? undefined : Number.parseInt(length, 16);
}

function extensionValue(fields: CertificateFields, oid: string): Buffer | undefined {
  return fields.extensions.find((extension) => extension.oid === oid)?.value;
}

/** UTCTime to 2049, GeneralizedTime from 2050 on, always with seconds and `Z`. */
function encodeTime(date: Date): Buffer {
  const digits = `${date.toISOString().replace(/[-:T]|\..*$/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? der(tags.utcTime, Buffer.from(digits.slice(2)))
    : der(tags.generalizedTime, Buffer.from(digits));
}
