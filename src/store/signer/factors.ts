import { and, gt, lt, lte, or, type SQL } from '../drizzle.ts';
import type { SignerTx } from './tables.ts';

/** The condition under which a one-time code's step may be claimed: not yet used, and the factor not locked. */
export function beforeStep(tx: SignerTx, step: number, now: number): SQL | undefined {
  return and(lt(tx.t.factors.lastStep, step), lte(tx.t.factors.otpLockedUntil, now));
}

/** Subscribers with a used step or a lock beyond these, some at a time; a lock for ever is none. */
export async function fromTheFuture(
  tx: SignerTx,
  { lastStep, latest, forEver }: { lastStep: number; latest: number; forEver: number },
  most = 500,
): Promise<string[]> {
  const { factors: f } = tx.t;
  const beyond = (until: typeof f.pinLockedUntil | typeof f.otpLockedUntil) =>
    and(gt(until, latest), lt(until, forEver));
  const rows = await tx.db
    .select({ subscriber: f.subscriber })
    .from(f)
    .where(or(gt(f.lastStep, lastStep), beyond(f.pinLockedUntil), beyond(f.otpLockedUntil)))
    .limit(most);
  return rows.map(({ subscriber }) => subscriber);
}
