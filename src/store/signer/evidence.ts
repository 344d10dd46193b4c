import { and, asc, eq, gt, lt, sql } from '../drizzle.ts';
import { given, prepared } from '../prepared.ts';
import type { Evidence, SignerTx } from './tables.ts';

/** Keeps what has this digest, unless it is there already. */
export async function keepEvidence(tx: SignerTx, evidence: Evidence): Promise<void> {
  await keep(tx, evidence);
}

const keep = prepared('evidence keep', ({ db, t }: SignerTx) =>
  db
    .insert(t.evidence)
    .values({
      ...{ digest: given('digest'), kind: given('kind'), bytes: given('bytes') },
      issuer: sql`${given('issuer')}`,
    })
    .onConflictDoNothing(),
);

export async function findEvidence(tx: SignerTx, digest: string): Promise<Evidence | undefined> {
  const { evidence: e } = tx.t;
  const [row] = await tx.db.select().from(e).where(eq(e.digest, digest));
  return row;
}

/** Leaves whose ids lie between two, in their order: ids begin with the time. */
export function leavesBetween(tx: SignerTx, after: string, until: string, most: number) {
  const { logLeaves: l } = tx.t;
  return tx.db
    .select({ id: l.id, position: l.position, leaf: l.leaf })
    .from(l)
    .where(and(gt(l.id, after), lt(l.id, until)))
    .orderBy(asc(l.id))
    .limit(most);
}
