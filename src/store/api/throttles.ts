import { and, eq, gt, inArray, lt, lte, type SQL, sql } from '../drizzle.ts';
import type { ApiTx } from './tables.ts';

/** How failures are counted (S42). */
export type ThrottlePolicy = {
  /** So many failures are free; the one that reaches this number locks, and so does each further one. */
  limit: number;
  /** Lengths of the locks, one after the other; the last value repeats. */
  minutes: readonly number[];
  /** One failure is forgotten in so many minutes, locks not counted. Without it they stay until a try is right. */
  forgetMinutes?: number;
};

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
  const { failures, lastAt } = remembered(tx, policy, now);
  const rows = await tx.db
    .insert(t)
    .values({ id, failures: 1, lockedUntil: lockAfter(1, policy, now), lastAt: now })
    .onConflictDoUpdate({
      target: t.id,
      set: {
        failures: sql`${failures} + 1`,
        lockedUntil: lockExpression(tx, sql`${failures} + 1`, policy, now),
        lastAt,
      },
      setWhere: lte(t.lockedUntil, now),
    })
    .returning({ id: t.id });
  return rows.length === 1;
}

/**
 * The first of these counts whose lock stands. Then each row is written as it is, one statement a row as when a try is
 * counted: a refusal costs what a try does (S44).
 */
export async function standingLock(tx: ApiTx, ids: string[], now: number): Promise<string | undefined> {
  const { throttles: t } = tx.t;
  const [locked] = await tx.db
    .select({ id: t.id })
    .from(t)
    .where(and(inArray(t.id, ids), gt(t.lockedUntil, now)))
    .limit(1);
  if (!locked) return undefined;
  for (const id of ids)
    await tx.db
      .update(t)
      .set({ lastAt: sql`${t.lastAt}` })
      .where(eq(t.id, id));
  return locked.id;
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
    .where(and(eq(t.id, id), gt(t.failures, 0)));
}

/** Forgets counts that nobody touched for a day. */
export async function purgeThrottles(tx: ApiTx, now: number): Promise<void> {
  await tx.db.delete(tx.t.throttles).where(lt(tx.t.throttles.lastAt, now - kept));
}

/** The failures of a row that are not forgotten yet, and the time since when the next one is being forgotten. */
function remembered({ t: { throttles: t } }: ApiTx, { forgetMinutes }: ThrottlePolicy, now: number) {
  if (forgetMinutes === undefined) return { failures: sql`${t.failures}`, lastAt: now };
  const step = forgetMinutes * minute;
  const since = sql`(case when ${t.lockedUntil} > ${t.lastAt} then ${t.lockedUntil} else ${t.lastAt} end)`;
  // SQLite gets every number as a float and would divide it as one.
  const forgotten = sql`cast((${now} - ${since}) / ${step} as integer)`;
  return {
    failures: sql`(case when ${t.failures} > ${forgotten} then ${t.failures} - ${forgotten} else 0 end)`,
    lastAt: sql`cast(${now} - (${now} - ${since}) % ${step} as bigint)`,
  };
}

function lockAfter(failures: number, { limit, minutes }: ThrottlePolicy, now: number): number {
  if (failures < limit) return 0;
  return now + minutes[Math.min(failures - limit, minutes.length - 1)]! * minute;
}

/** The same in SQL, for a count that only the database knows; without a lock the old one stays, which is over. */
function lockExpression({ t: { throttles: t } }: ApiTx, failures: SQL, policy: ThrottlePolicy, now: number): SQL {
  const { limit, minutes } = policy;
  const longest = limit + minutes.length - 1;
  const steps = minutes
    .slice(0, -1)
    .map((_, index) => sql`when ${failures} = ${limit + index} then ${lockAfter(limit + index, policy, now)}`);
  return sql`(case when ${failures} < ${limit} then ${t.lockedUntil} ${sql.join(steps, sql` `)} else ${lockAfter(longest, policy, now)} end)`;
}
