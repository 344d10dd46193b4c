import { lt, type SQL } from '../drizzle.ts';
import type { CaTx } from './tables.ts';

/** The condition under which the step of an officer's one-time code may be claimed: it was not used yet. */
export function officerBeforeStep(tx: CaTx, step: number): SQL {
  return lt(tx.t.officers.lastStep, step);
}
