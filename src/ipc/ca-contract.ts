import Type from 'typebox';
import { caAnswersContract } from './ca-answers-contract.ts';
import { caCheckContract } from './ca-check-contract.ts';
import { ExternalHealth, externalContract } from './ca-external-contract.ts';
import { caOrdersContract } from './ca-orders-contract.ts';
import { CrlHealth, revocationContract } from './ca-revocation.ts';
import { Closed, Empty, Id, Instant, Text } from './fields.ts';
import { SandboxLine } from './line.ts';

/** A kind of authority of ca, as `kyso ca rollover` takes it. */
export const AuthorityKindField = Type.Enum(['root', 'issuing-rsa', 'issuing-ec', 'ocsp-rsa', 'ocsp-ec', 'tsa']);

/** Keys that wait to be certified: the ids of their authorities, and the SHA-256 of each SPKI in hex. */
const PendingKeys = Type.Array(Closed({ id: Text(64), fingerprint: Type.String({ pattern: '^[0-9a-f]{64}$' }) }), {
  minItems: 1,
  maxItems: 100,
});

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
  /** Makes the keys of the next authorities of a kind; nothing uses them yet. Again, the same keys. */
  'authority.prepareRollover': {
    links: ['operator'],
    params: Closed({ kind: AuthorityKindField }),
    result: Closed({ keys: PendingKeys }),
  },
  /** Certifies these keys, which the persons confirmed, and works with them. `roots`: PEM of those that are new. */
  'authority.rollover': {
    links: ['operator'],
    params: Closed({ kind: AuthorityKindField, keys: PendingKeys, persons: Type.Array(Text(200), { maxItems: 2 }) }),
    result: Closed({ record: Text(65_536), ids: Type.Array(Text(64)), roots: Text(65_536) }),
  },
  ...caAnswersContract,
  ...revocationContract,
  ...caOrdersContract,
  ...caCheckContract,
  ...externalContract,
  /** `ready` does not depend on `crl`: signing goes on for as long as CRLs last. */
  status: {
    links: ['api', 'operator'],
    params: Empty,
    result: Closed({
      ready: Type.Boolean(),
      token: Type.Boolean(),
      store: Type.Boolean(),
      /** Whether timestamps are given; if not, why. */
      clock: Type.Optional(Type.Enum(['trusted', 'stepped', 'unsynchronised'])),
      crl: CrlHealth,
      /** Authorities, responders and time-stamping units that end within `threshold` days; 0: one that has ended (S85). */
      expiring: Type.Optional(
        Type.Array(Closed({ id: Text(64), notAfter: Instant, threshold: Type.Integer({ minimum: 0 }) })),
      ),
      external: Type.Optional(ExternalHealth),
    }),
  },
} as const;
export type CaContract = typeof caContract;
