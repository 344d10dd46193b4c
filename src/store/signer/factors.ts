import { and, lt, lte, type SQL } from '../drizzle.ts';
import type { SignerTx } from './tables.ts';

/** The condition under which a one-time code's step may be claimed: not yet used, and the factor not locked. */
export function beforeStep(tx: SignerTx, step: number, now: number): SQL | undefined {
  return and(lt(tx.t.factors.lastStep, step), lte(tx.t.factors.otpLockedUntil, now));
}
