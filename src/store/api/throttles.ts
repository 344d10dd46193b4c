import { and, eq, lt, lte, sql } from '../drizzle.ts';
import type { ApiTx } from './tables.ts';

/** After this many consecutive failures each further one locks, for as many minutes; the last value repeats (S42). */
export type ThrottlePolicy = { limit: number; minutes: readonly number[] };

/** One count: whose tries (an opaque id), and by which policy. */
export type Throttle = { id: string; policy: ThrottlePolicy };

const minute = 60_000;
/** How long a row is kept after its last try; longer than any lock. */
const kept = 86_400_000;

/**
 * Counts a try before anybody looks at what was tried: one statement, whose own WHERE refuses while a lock stands, and
 * which sets the lock with the try that reaches the limit. So however many arrive at once, no more than `limit` are
 * ever looked at. False when the lock stands; then nothing changed.
 */
export async function countTry(tx: ApiTx, { id, policy }: Throttle, now: number): Promise<boolean> {
  const { throttles: t } = tx.t;
  const rows = await tx.db
    .insert(t)
    .values({ id, failures: 1, lockedUntil: lockAfter(1, policy, now), lastAt: now })
    .onConflictDoUpdate({
      target: t.id,
      set: { failures: sql`${t.failures} + 1`, lockedUntil: lockExpression(tx, policy, now), lastAt: now },
      setWhere: lte(t.lockedUntil, now),
    })
    .returning({ id: t.id });
  return rows.length === 1;
}

/** A refused try leaves its time; the count does not move. */
export async function touchThrottle(tx: ApiTx, id: string, now: number): Promise<void> {
  const { throttles: t } = tx.t;
  const fresh = { id, failures: 0, lockedUntil: 0, lastAt: now };
  await tx.db
    .insert(t)
    .values(fresh)
    .onConflictDoUpdate({ target: t.id, set: { lastAt: now } });
}

/** The try was right: the count starts again. */
export async function clearTries(tx: ApiTx, id: string): Promise<void> {
  await tx.db.delete(tx.t.throttles).where(eq(tx.t.throttles.id, id));
}

/** The try was right: it alone is taken back, the failures of others stay; so does a lock that they have earned. */
export async function takeBackTry(tx: ApiTx, { id, policy }: Throttle): Promise<void> {
  const { throttles: t } = tx.t;
  const before = sql`${t.failures} - 1`;
  await tx.db
    .update(t)
    .set({ failures: before, lockedUntil: sql`case when ${before} < ${policy.limit} then 0 else ${t.lockedUntil} end` })
    .where(and(eq(t.id, id), sql`${t.failures} > 0`));
}

/** Forgets counts that nobody touched for a day. */
export async function purgeThrottles(tx: ApiTx, now: number): Promise<void> {
  await tx.db.delete(tx.t.throttles).where(lt(tx.t.throttles.lastAt, now - kept));
}

function lockAfter(failures: number, { limit, minutes }: ThrottlePolicy, now: number): number {
  if (failures < limit) return 0;
  return now + minutes[Math.min(failures - limit, minutes.length - 1)]! * minute;
}

/** The same in SQL, for a count that only the database knows; without a lock the old one stays, which is over. */
function lockExpression({ t: { throttles: t } }: ApiTx, policy: ThrottlePolicy, now: number) {
  const { limit, minutes } = policy;
  const steps = minutes.map((_, index) => {
    const at = limit + index;
    const reached = index === minutes.length - 1 ? sql`${t.failures} + 1 >= ${at}` : sql`${t.failures} + 1 = ${at}`;
    return sql`when ${reached} then ${lockAfter(at, policy, now)}`;
  });
  return sql<number>`(case ${sql.join(steps, sql` `)} else ${t.lockedUntil} end)`;
}
