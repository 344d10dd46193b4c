import Type, { type Static } from 'typebox';
import { Closed, Email, Id, KeyTypeField, OtpField, Phone, Text, UserId } from './fields.ts';

/** Who stands in the certificate, but for the e-mail and the country. */
export const LineSubject = Closed({
  commonName: Text(64),
  organisation: Text(64),
  /** The provincial People's Committee above the organisation; in certificates of `individualVgca` (`pki.profile`). */
  committee: Type.Optional(Text(64)),
  organisationalUnits: Type.Array(Text(64), { maxItems: 4 }),
  locality: Type.Optional(Text(128)),
  /** In certificates of `individualCccd`. */
  personalId: Type.Optional(Closed({ kind: Type.Literal('CCCD'), number: Type.String({ pattern: '^[0-9]{12}$' }) })),
});

/** Another authority than this one certifies the key; without it this one does. */
const outside = { authority: Type.Optional(Type.Literal('external')) };

const newCredential = {
  ...outside,
  userID: UserId,
  name: Text(200),
  email: Email,
  phone: Phone,
  keyType: KeyTypeField,
  otp: OtpField,
  /** Distinguishes several credentials of one person. */
  serial: Type.Integer({ minimum: 1, maximum: 99 }),
  subject: LineSubject,
};

/** The certificate that this line is about: the one that its credential has now, so that no line counts twice. */
const present = { ...outside, credentialID: Id, certificate: Type.String({ pattern: '^[0-9A-F]{2,40}$' }) };

/**
 * One line of an organisation's list: what is to be certified, and how. Its RFC 8785 JSON is what the organisation, both
 * officers and the signer's attestation vouch for, by its SHA-256 (docs/ca-proofs.md).
 */
export const Line = Type.Union([
  /** A new credential. */
  Closed({ procedure: Type.Literal('issue'), ...newCredential }),
  /** A further certificate of the same key, with the same subject. */
  Closed({ procedure: Type.Literal('renew'), ...present }),
  /** The same key and the same end, with another subject. */
  Closed({ procedure: Type.Literal('change'), ...present, subject: LineSubject, email: Email }),
  /** A further key for the same credential; with the same subject where none is given. */
  Closed({
    procedure: Type.Literal('rekey'),
    ...present,
    subject: Type.Optional(LineSubject),
    email: Type.Optional(Email),
  }),
]);
export type Line = Static<typeof Line>;
export type IssueLine = Extract<Line, { procedure: 'issue' }>;

/** A line of the sandbox: what a person there asks for, of which it makes a line that issues. */
export const SandboxLine = Closed(newCredential);
export type SandboxLine = Static<typeof SandboxLine>;
