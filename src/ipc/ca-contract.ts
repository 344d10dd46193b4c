import Type from 'typebox';
import { caAnswersContract } from './ca-answers-contract.ts';
import { CrlHealth, revocationContract } from './ca-revocation.ts';
import { Closed, Empty, Id, Text } from './fields.ts';
import { SandboxLine } from './line.ts';

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
  ...revocationContract,
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
    }),
  },
} as const;
export type CaContract = typeof caContract;
