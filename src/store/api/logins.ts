import { and, eq, lte, sql } from '../drizzle.ts';
import type { ApiTx, Login } from './tables.ts';

/** How many consecutive failures lock a login, and for how long (S42). */
export type LockPolicy = { limit: number; lockMs: number };

const unknownLogins = 'unknownLogins';

/** Makes the row that stands in for users who do not exist. Called once when the API starts. */
export async function seedLogins(tx: ApiTx): Promise<void> {
  await tx.db.insert(tx.t.settings).values({ name: unknownLogins, value: '0' }).onConflictDoNothing();
}

/**
 * Counts one more try before anybody looks at the password, and answers the login to check it against; undefined when
 * there is no such user or the login is locked. The try that reaches the limit sets the lock itself, so however many
 * arrive at once, no more than `limit` are ever looked at (S42); after the lock each further failure locks again.
 * Where no login was touched, another row is written: one commit to the disk each time, whoever asked (S44).
 */
export async function countTry(tx: ApiTx, userId: string, now: number, policy: LockPolicy): Promise<Login | undefined> {
  const { logins, settings } = tx.t;
  const reached = sql`${logins.failures} + 1 >= ${policy.limit}`;
  const lock = sql<number>`case when ${reached} then ${now + policy.lockMs} else ${logins.lockedUntil} end`;
  const [login] = await tx.db
    .update(logins)
    .set({ failures: sql`${logins.failures} + 1`, lockedUntil: lock })
    .where(and(eq(logins.userId, userId), lte(logins.lockedUntil, now)))
    .returning();
  if (!login)
    await tx.db
      .update(settings)
      .set({ value: String(now) })
      .where(eq(settings.name, unknownLogins));
  return login;
}

/** The password was right: the count starts again. */
export async function clearTries(tx: ApiTx, userId: string): Promise<void> {
  const { logins } = tx.t;
  await tx.db.update(logins).set({ failures: 0, lockedUntil: 0 }).where(eq(logins.userId, userId));
}

/**
 * Stores a subscriber's password, or puts a new one in place of the old: only for callers whose factors signer has
 * just accepted. False when the user ID belongs to another subscriber; then nothing changes.
 */
export async function putLogin(
  tx: ApiTx,
  login: Pick<Login, 'userId' | 'subscriber' | 'kdf' | 'salt' | 'hash'>,
  now: number,
): Promise<boolean> {
  const { logins } = tx.t;
  const changed = { ...login, failures: 0, lockedUntil: 0, changedAt: now };
  const rows = await tx.db
    .insert(logins)
    .values({ ...changed, createdAt: now })
    .onConflictDoUpdate({ target: logins.userId, set: changed, setWhere: eq(logins.subscriber, login.subscriber) })
    .returning();
  return rows.length > 0;
}
