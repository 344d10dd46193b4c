import Type from 'typebox';
import { Bytes, Closed, Empty, Id, Instant, Text } from './fields.ts';
import { Line } from './line.ts';

const Code = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_-]+$' });
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const User = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_.-]+$' });

/** What an officer shows for one act. */
export const OfficerFactors = Closed({
  user: User,
  password: Type.String({ maxLength: 256 }),
  otp: Type.String({ maxLength: 16 }),
});
/** Those who vouch for what no single person may do; a sandbox needs nobody. */
const by = Type.Array(OfficerFactors, { maxItems: 2 });

const operator = ['operator'] as const;

/** Organisations, officers, and the lists that both have certified (docs/ca-proofs.md). */
export const caOrdersContract = {
  'organisation.add': { links: operator, params: Closed({ code: Code, name: Text(200), by }), result: Empty },
  'organisation.list': {
    links: operator,
    params: Empty,
    result: Closed({
      organisations: Type.Array(
        Closed({
          ...{ code: Text(64), name: Text(200), status: Text(16) },
          certificates: Type.Array(Closed({ fingerprint: Hash, status: Text(16), notAfter: Instant })),
        }),
      ),
    }),
  },
  'organisation.enrol': {
    links: operator,
    params: Closed({ code: Code, certificate: Bytes(16_384), by }),
    result: Closed({ fingerprint: Hash }),
  },
  'organisation.retire': {
    links: operator,
    params: Closed({ code: Code, fingerprint: Type.Optional(Hash) }),
    result: Empty,
  },
  'officer.add': {
    links: operator,
    params: Closed({ user: User, name: Text(200), password: Type.String({ maxLength: 256 }), by }),
    result: Closed({ otpauthUri: Text(512) }),
  },
  'officer.list': {
    links: operator,
    params: Empty,
    result: Closed({
      officers: Type.Array(
        Closed({ user: Text(64), name: Text(200), role: Text(16), status: Text(16), lockedUntil: Instant }),
      ),
    }),
  },
  'officer.suspend': { links: operator, params: Closed({ user: User }), result: Empty },
  /** Takes in a list with its organisation's signature (detached CMS, DER). The same list again answers the same. */
  'order.submit': {
    links: operator,
    params: Closed({
      organisation: Code,
      lines: Type.Array(Line, { minItems: 1, maxItems: 200 }),
      signature: Bytes(65_536),
    }),
    result: Closed({ list: Hash }),
  },
  /** An officer's act over the lines as he saw them; after the second one they are carried out. */
  'order.approve': {
    links: operator,
    params: Closed({
      list: Hash,
      lines: Type.Array(Hash, { minItems: 1, maxItems: 200 }),
      act: Type.Enum(['check', 'approve']),
      officer: OfficerFactors,
    }),
    result: Empty,
  },
  'order.status': {
    links: operator,
    params: Closed({ list: Hash }),
    result: Closed({
      approvals: Type.Array(Closed({ act: Text(16), user: Text(64), at: Instant })),
      lines: Type.Array(
        Closed({
          ...{ lineHash: Hash, procedure: Text(16), status: Text(16), credentialID: Id },
          certificate: Type.Optional(Text(64)),
          refusal: Type.Optional(Text(64)),
        }),
      ),
    }),
  },
} as const;
