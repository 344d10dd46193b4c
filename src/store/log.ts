import type * as ca from './ca/schema-postgresql.ts';
import { asc, eq, gt, inArray, isNull, sql } from './drizzle.ts';
import { given, prepared } from './prepared.ts';
import type * as signer from './signer/schema-postgresql.ts';
import type { Store, Tx } from './store.ts';

/** The two tables that every domain with a log has. */
export type LogTables = Pick<typeof signer | typeof ca, 'logLeaves' | 'logHead'>;

const head = 'head';

/** Makes sure that the log has its head row. Called once when a domain's store is opened. */
export async function openLog(tx: Tx<LogTables>): Promise<void> {
  await tx.db.insert(tx.t.logHead).values({ name: head, size: 0 }).onConflictDoNothing();
}

/**
 * Appends leaves in the transaction of the change that they record (S59). On SQLite they get their gap-free positions
 * here; on PostgreSQL that would make every commit wait for the one before, so the sequencer gives them afterwards.
 */
export async function appendLeaves(
  tx: Tx<LogTables>,
  leaves: { id: string; leafHash: Buffer; leaf: string; subscriber: string | null }[],
): Promise<void> {
  const first = tx.engine === 'sqlite' ? await reserve(tx, leaves.length) : undefined;
  for (const [index, leaf] of leaves.entries())
    await insertLeaf(tx, { ...leaf, position: first === undefined ? null : first + index });
}

const insertLeaf = prepared('log insert', ({ db, t }: Tx<LogTables>) =>
  db.insert(t.logLeaves).values({
    ...{ id: given('id'), position: given('position'), leafHash: given('leafHash') },
    ...{ leaf: given('leaf'), subscriber: given('subscriber') },
  }),
);

/**
 * PostgreSQL's sequencer: gives the next positions to leaves that have none, in the order of their ids. The head row's
 * lock is the fence: of several machines only one is inside at a time. Returns how many leaves it placed.
 */
export async function sequenceLeaves(store: Store<LogTables>, most = 500): Promise<number> {
  return store.write(async (tx) => {
    const size = await reserve(tx, 0);
    const { logLeaves: leaves } = tx.t;
    const waiting = await tx.db
      .select({ id: leaves.id })
      .from(leaves)
      .where(isNull(leaves.position))
      .orderBy(asc(leaves.id))
      .limit(most);
    if (waiting.length === 0) return 0;
    const ids = waiting.map((leaf) => leaf.id);
    const place = sql.join(
      ids.map((id, index) => sql`when ${id} then ${size + index}`),
      sql` `,
    );
    await tx.db
      .update(leaves)
      .set({ position: sql`(case ${leaves.id} ${place} end)::bigint` })
      .where(inArray(leaves.id, ids));
    await reserve(tx, ids.length);
    return ids.length;
  });
}

/** Moves the head by `count` and returns the size before; holds the head row's lock until the transaction ends. */
async function reserve(tx: Tx<LogTables>, count: number): Promise<number> {
  const [row] = await moveHead(tx, { count });
  if (!row) throw new Error('the log has no head row');
  return row.size - count;
}

const moveHead = prepared('log moveHead', ({ db, t: { logHead } }: Tx<LogTables>) =>
  db
    .update(logHead)
    .set({ size: sql`${logHead.size} + ${given('count')}` })
    .where(eq(logHead.name, head))
    .returning({ size: logHead.size }),
);

/** How many leaves have a position. */
export async function logSize({ db, t }: Tx<LogTables>): Promise<number> {
  const [row] = await db.select().from(t.logHead).where(eq(t.logHead.name, head));
  return row?.size ?? 0;
}

/** The leaves behind that of the id `after`, or the first ones, in the order of their ids, which is about that of time. */
export async function leavesAfter({ db, t }: Tx<LogTables>, after: string | undefined, most: number) {
  const { id, leaf } = t.logLeaves;
  const query = db.select({ id, leaf }).from(t.logLeaves);
  return (after === undefined ? query : query.where(gt(id, after))).orderBy(asc(id)).limit(most);
}
