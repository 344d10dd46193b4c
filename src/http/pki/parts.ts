import type { Clock } from '../../base/clock.ts';
import { KysoError } from '../../base/errors.ts';
import type { CaContract } from '../../ipc/ca-contract.ts';
import type { Peer } from '../../ipc/contract.ts';
import { sourceOf } from '../throttle.ts';
import { turns } from '../turns.ts';
import { allowance } from './allowance.ts';
import { type CrlCache, crlCache } from './crl-cache.ts';
import { type OcspAnswers, ocspAnswers } from './ocsp-answers.ts';

/**
 * What one source may have signed without a login: a batch of a thousand timestamps or fresh OCSP answers at once, then
 * fifty a second. Kept OCSP answers are not counted.
 */
const perSource = { burst: 1_000, perSecond: 50 };

/** What all sources together have waiting at the token: a quarter of a second of its work. Others wait behind that. */
const waiting = { abreast: 32, each: 256, all: 256 };

/** What the routes of this room work with, on however many listeners. */
export type PkiParts = {
  ca: Peer<CaContract>;
  clock: Clock;
  ocsp: OcspAnswers;
  crls: CrlCache;
  /**
   * Runs a job that makes the token sign for somebody without a login.
   * @throws KysoError tooManyRequests — this source had its share; busy — all together had theirs
   */
  forAnybody<T>(ip: string, job: () => Promise<T>): Promise<T>;
  close(): void;
};

export function pkiParts(ca: Peer<CaContract>, clock: Clock): PkiParts {
  const mayAsk = allowance(clock, perSource);
  const inTurn = turns(waiting);
  const ocsp = ocspAnswers({ ca, clock });
  return {
    ...{ ca, clock, ocsp, crls: crlCache({ ca, clock }) },
    async forAnybody(ip, job) {
      if (!mayAsk(sourceOf(ip))) throw new KysoError('tooManyRequests', 'one source asks for too many signatures');
      return inTurn('token', job);
    },
    close: () => ocsp.close(),
  };
}
