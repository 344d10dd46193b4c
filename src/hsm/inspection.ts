import { KysoError } from '../base/errors.ts';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import type { Capabilities } from './capabilities.ts';
import { endOf, exchange, forkEntry } from './child.ts';
import type { Enforcement } from './enforcement.ts';
import { fromFailure } from './errors.ts';
import type { Failure, TokenAddress } from './protocol.ts';

/** What `kyso hsm probe` finds of a token. Strings of the module's are as it gives them, without padding. */
export type Inspection = {
  module: { description: string; manufacturer: string; version: string; cryptoki: string };
  token: { label: string; manufacturer: string; model: string; serial: string; firmware: string };
  /** The software that this token is, where it is known to be software. */
  software: string | null;
  /** The mechanisms that Kyso uses, and whether the module offers each. */
  mechanisms: Record<string, boolean>;
  /** How it wraps subscribers' keys; null: it cannot. */
  wrapMechanism: string | null;
  pss: Capabilities['pss'];
  /** The types of subscribers' keys of each kind of credential; both empty: it can carry none, for the reason `problem`. */
  carries: { wrapped: KeyTypeName[]; resident: KeyTypeName[] };
  problem: string | null;
  enforces: Enforcement;
  /** Private objects are not shown to who has not logged in; null: there is none to show. */
  privateHidden: boolean | null;
  /** The random generator answers, and not twice the same. */
  random: boolean;
  /** The most sessions that the module says to have, null: no limit; and how many of 32 could be opened. */
  sessions: { limit: number | null; opened: number };
  /** Subscribers' keys that stay in it now. */
  residentKeys: number;
};

export type InspectionRequest = TokenAddress & { pin: Buffer };
export type InspectionAnswer = { is: 'done'; inspection: Inspection } | ({ is: 'failed' } & Failure);

const deadline = 120_000;

/**
 * Tries in a process of its own what a token can do and what it enforces. Leaves nothing in the token.
 * @throws KysoError tokenPinRefused | tokenUnavailable
 */
export async function inspectToken({
  environment,
  ...request
}: InspectionRequest & { environment: Record<string, string> }): Promise<Inspection> {
  const child = forkEntry('inspect-worker.ts', environment);
  const ended = endOf(child);
  const answer = await exchange<InspectionAnswer>(child, request, deadline);
  if (child.connected) child.disconnect();
  await ended;
  if (answer === 'died' || answer === 'hung')
    throw new KysoError('tokenUnavailable', `the process that probes the token ${answer}`);
  if (answer.is === 'failed') throw fromFailure(answer);
  return answer.inspection;
}
