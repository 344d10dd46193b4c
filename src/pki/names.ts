import * as asn1 from 'asn1js';
import { emailForm } from '../base/addresses.ts';
import { KysoError } from '../base/errors.ts';

/** A subject as data, as the approved line states it. Which of it stands in the certificate is up to the profile. */
export type Subject = {
  commonName: string;
  organisation: string;
  /** The provincial People's Committee that the organisation belongs to; shown by profiles with that switch. */
  committee?: string;
  /** From the largest unit to the smallest, as VGCA writes a commune's committee before its school. */
  organisationalUnits: readonly string[];
  locality?: string;
  country: 'VN';
  email?: string;
  personalId?: { kind: 'CCCD'; number: string };
};

/** OIDs of the attribute types that we write (RFC 5280 appendix A; `uid` is RFC 4519 §2.39). */
export const attributeTypes = {
  country: '2.5.4.6',
  locality: '2.5.4.7',
  organisation: '2.5.4.10',
  organisationalUnit: '2.5.4.11',
  commonName: '2.5.4.3',
  email: '1.2.840.113549.1.9.1',
  uid: '0.9.2342.19200300.100.1.1',
} as const;

/** What a field may hold: `limit` is RFC 5280's upper bound (appendix A.1), in characters. */
const textFields = {
  commonName: { label: 'common name', limit: 64 },
  organisation: { label: 'organisation', limit: 64 },
  organisationalUnit: { label: 'organisational unit', limit: 64 },
  locality: { label: 'locality', limit: 128 },
} as const;

/** Controls, bidi and zero-width formats, surrogates, private and unassigned characters, breaks, odd spaces (S76). */
const hostile = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/**
 * The DER of a subject's Name, as `profiledSubject` made it: C, L, O, OU…, CN, then e-mail and UID, one attribute in each RDN; the order of VGCA's
 * certificates, which clients rely on. Text is NFC and UTF8String; the country is a PrintableString and the e-mail
 * an IA5String, as RFC 5280 §4.1.2.4 and appendix A.1 want them.
 * @throws KysoError nameRefused — an empty, over-long, hostile or malformed value; the message says which
 */
export function encodeName(subject: Subject): Buffer {
  if (subject.country !== 'VN') throw new KysoError('nameRefused', 'The country must be VN.');
  const text = (field: keyof typeof textFields, value: string) =>
    attribute(attributeTypes[field], new asn1.Utf8String({ value: checkText(field, value) }));
  const { locality, email, personalId } = subject;
  const rdns = [
    attribute(attributeTypes.country, new asn1.PrintableString({ value: subject.country })),
    ...(locality === undefined ? [] : [text('locality', locality)]),
    text('organisation', subject.organisation),
    ...subject.organisationalUnits.map((unit) => text('organisationalUnit', unit)),
    text('commonName', subject.commonName),
    ...(email === undefined ? [] : [attribute(attributeTypes.email, new asn1.IA5String({ value: checkEmail(email) }))]),
    ...(personalId === undefined
      ? []
      : [attribute(attributeTypes.uid, new asn1.Utf8String({ value: checkPersonalId(personalId) }))]),
  ];
  return Buffer.from(new asn1.Sequence({ value: rdns }).toBER());
}

function attribute(type: string, value: asn1.BaseBlock): asn1.Set {
  return new asn1.Set({
    value: [new asn1.Sequence({ value: [new asn1.ObjectIdentifier({ value: type }), value] })],
  });
}

/**
 * One text value in NFC. Commas are refused although X.501 allows them: signature software in use splits names at
 * them and shows another person.
 */
function checkText(field: keyof typeof textFields, value: string): string {
  const { label, limit } = textFields[field];
  const refuse = (why: string) => new KysoError('nameRefused', `The ${label} ${why}.`);
  if (value.length > limit * 8) throw refuse(`has more than ${limit} characters`);
  const text = value.normalize('NFC');
  if (text.trim() === '') throw refuse('is empty');
  if (hostile.test(text)) throw refuse('holds a control, invisible or bidirectional character');
  if (text.includes(',')) throw refuse('holds a comma');
  if (text !== text.trim() || text.includes('  ')) throw refuse('has a stray space');
  if ([...text].length > limit) throw refuse(`has more than ${limit} characters`);
  return text;
}

/** An address that IA5String and rfc822Name can carry (RFC 5280 §4.2.1.6): ASCII, one `@`, no quoting. */
function checkEmail(value: string): string {
  if (!emailForm.test(value)) throw new KysoError('nameRefused', 'The e-mail address cannot stand in a certificate.');
  return value;
}

/** `CCCD:` and the twelve digits, the form of the subject UID that Vietnamese software reads. */
function checkPersonalId({ kind, number }: NonNullable<Subject['personalId']>): string {
  if (!/^[0-9]{12}$/.test(number)) throw new KysoError('nameRefused', 'A CCCD number has twelve digits.');
  return `${kind}:${number}`;
}
