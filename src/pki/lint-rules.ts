import { profiledSubject } from './certificate.ts';
import { sequence, time } from './der.ts';
import { extensionRules } from './lint-extensions.ts';
import type { Rule } from './lint-rule.ts';
import { encodeName } from './names.ts';
import { legalEnd } from './profiles.ts';
import { importSpki, keyTypeOf } from './public-key.ts';
import { weaknessOf } from './weak-key.ts';

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
      notBefore < notAfter && fields.validity.equals(sequence(time(notBefore), time(notAfter))),
  },
  {
    text: 'the validity keeps to the legal limit (Decree 68/2024/NĐ-CP art. 9)',
    holds: ({ draft: { profile, procedure, notBefore, notAfter } }) =>
      notAfter <= legalEnd(profile, procedure, notBefore),
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
  ...extensionRules,
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
