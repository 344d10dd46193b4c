import { and, eq, lt, sql } from '../drizzle.ts';
import { given, prepared } from '../prepared.ts';
import type { SignerTx, Signing } from './tables.ts';

export type Outcome = 'pending' | 'released' | 'failed' | 'unknown';

export async function findSigning(tx: SignerTx, id: string): Promise<Signing | undefined> {
  const { signings: s } = tx.t;
  const [row] = await tx.db.select().from(s).where(eq(s.id, id));
  return row;
}

export async function insertSigning(tx: SignerTx, signing: Omit<Signing, 'outcome' | 'endedAt'>): Promise<void> {
  await insert(tx, signing);
}

const insert = prepared('signings insert', ({ db, t }: SignerTx) =>
  db.insert(t.signings).values({
    ...{ id: given('id'), authorization: given('authorization'), credential: given('credential') },
    ...{ subscriber: given('subscriber'), signatures: given('signatures'), signAlgo: given('signAlgo') },
    ...{ instance: given('instance'), startedAt: given('startedAt'), outcome: 'pending', endedAt: null },
  }),
);

/** Ends a pending signing; false when it had already ended (a sweep was faster), and then nothing may be released. */
export async function endSigning(
  tx: SignerTx,
  id: string,
  outcome: Exclude<Outcome, 'pending'>,
  endedAt: number,
): Promise<boolean> {
  const ended = await end(tx, { id, outcome, endedAt });
  return ended.length === 1;
}

const end = prepared('signings end', ({ db, t: { signings: s } }: SignerTx) =>
  db
    .update(s)
    .set({ outcome: sql`${given('outcome')}`, endedAt: sql`${given('endedAt')}` })
    .where(and(eq(s.id, given('id')), eq(s.outcome, 'pending')))
    .returning({ id: s.id }),
);

/**
 * Ends the signings of this instance that are pending and were begun before an instant: spent, outcome unknown, never
 * released.
 */
export function sweepSignings(
  tx: SignerTx,
  instance: string,
  { begunBefore, endedAt }: { begunBefore: number; endedAt: number },
): Promise<Signing[]> {
  const { signings: s } = tx.t;
  return tx.db
    .update(s)
    .set({ outcome: 'unknown', endedAt })
    .where(and(eq(s.outcome, 'pending'), eq(s.instance, instance), lt(s.startedAt, begunBefore)))
    .returning();
}
