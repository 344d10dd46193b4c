import { eq, sql } from '../drizzle.ts';
import type { CaTx } from './tables.ts';

const head = 'head';

/** Makes sure that the feed has its head row. */
export async function openFeedHead(tx: CaTx): Promise<void> {
  await tx.db.insert(tx.t.feedHead).values({ name: head, number: 0 }).onConflictDoNothing();
}

/**
 * The next number of the feed. Holds the head row's lock until the transaction ends: a rolled-back order leaves no
 * gap, and numbers become visible in their order.
 */
export async function nextFeedNumber(tx: CaTx): Promise<number> {
  const { feedHead: table } = tx.t;
  const [row] = await tx.db
    .update(table)
    .set({ number: sql`${table.number} + 1` })
    .where(eq(table.name, head))
    .returning();
  if (!row) throw new Error('the feed has no head row');
  return row.number;
}

/** The number of the newest order; 0 when there is none. */
export async function newestFeedNumber(tx: CaTx): Promise<number> {
  const [row] = await tx.db.select().from(tx.t.feedHead).where(eq(tx.t.feedHead.name, head));
  return row?.number ?? 0;
}
