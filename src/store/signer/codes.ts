import { and, gt, isNull, lt, type SQL } from '../drizzle.ts';
import type { SignerTx } from './tables.ts';

/** The condition under which a one-time code may be used up: not yet used, still good, and not tried too often. */
export function usableCode({ t: { oneTimeCodes: c } }: SignerTx, now: number, tries: number): SQL | undefined {
  return and(isNull(c.usedAt), gt(c.expiresAt, now), lt(c.tries, tries));
}
