import Type, { type Static } from 'typebox';
import { caAnswersContract } from './ca-answers-contract.ts';
import { Closed, Email, Empty, Id, KeyTypeField, OtpField, Phone, Text, UserId } from './fields.ts';

/**
 * A line of the sandbox, in place of an approved dossier line: who, and which certificate. Its RFC 8785 JSON is
 * hashed into the key attestation, as a dossier line's will be (design §5).
 */
export const SandboxLine = Closed({
  userID: UserId,
  name: Text(200),
  email: Email,
  phone: Phone,
  keyType: KeyTypeField,
  otp: OtpField,
  /** Distinguishes several credentials of one person. */
  serial: Type.Integer({ minimum: 1, maximum: 99 }),
  subject: Closed({
    commonName: Text(64),
    organisation: Text(64),
    organisationalUnits: Type.Array(Text(64), { maxItems: 4 }),
    locality: Type.Optional(Text(128)),
  }),
});
export type SandboxLine = Static<typeof SandboxLine>;

/** Messages that ca answers. */
export const caContract = {
  /** Carries a line to an active credential; repeating the same line answers with the same credential. */
  'sandbox.issue': {
    links: ['operator'],
    params: SandboxLine,
    result: Closed({ subscriber: Id, credentialID: Id }),
  },
  // authorities
  /** PEM of the roots that have not ended, oldest first, and of the issuing authorities below them. */
  'authority.certificates': {
    links: ['api', 'operator'],
    params: Empty,
    result: Closed({ root: Text(16_384), issuing: Text(65_536) }),
  },
  /** Takes in the authorities that were added to the store. */
  'authority.reload': { links: ['operator'], params: Empty, result: Closed({ authorities: Type.Array(Text(64)) }) },
  ...caAnswersContract,
  status: {
    links: ['api', 'operator'],
    params: Empty,
    result: Closed({
      ready: Type.Boolean(),
      token: Type.Boolean(),
      store: Type.Boolean(),
      /** Whether timestamps are given; if not, why. */
      clock: Type.Optional(Type.Enum(['trusted', 'stepped', 'unsynchronised'])),
    }),
  },
} as const;
export type CaContract = typeof caContract;
