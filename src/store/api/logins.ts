import { and, eq } from '../drizzle.ts';
import type { ApiTx, Login } from './tables.ts';

/** The login of this user ID. */
export async function findLogin(tx: ApiTx, userId: string): Promise<Login | undefined> {
  const [login] = await tx.db.select().from(tx.t.logins).where(eq(tx.t.logins.userId, userId));
  return login;
}

/** The login of this subscriber, who has one user ID. */
export async function loginOf(tx: ApiTx, subscriber: string): Promise<Login | undefined> {
  const [login] = await tx.db.select().from(tx.t.logins).where(eq(tx.t.logins.subscriber, subscriber));
  return login;
}

/**
 * True when this is still the login's password. It stays so until the end of the transaction: a change waits, and then
 * finds what was granted meanwhile.
 */
export async function holdLogin(tx: ApiTx, { userId, hash }: Login): Promise<boolean> {
  const { logins } = tx.t;
  const rows = await tx.db
    .update(logins)
    .set({ userId })
    .where(and(eq(logins.userId, userId), eq(logins.hash, hash)))
    .returning({ userId: logins.userId });
  return rows.length > 0;
}

/**
 * Stores a subscriber's password, or puts a new one in place of the old: only for callers whose factors signer has
 * just accepted, or who knew the old one. False when the user ID belongs to another subscriber; then nothing changes.
 */
export async function putLogin(
  tx: ApiTx,
  login: Pick<Login, 'userId' | 'subscriber' | 'kdf' | 'salt' | 'hash'>,
  now: number,
): Promise<boolean> {
  const { logins } = tx.t;
  const changed = { ...login, changedAt: now };
  const rows = await tx.db
    .insert(logins)
    .values({ ...changed, createdAt: now })
    .onConflictDoUpdate({ target: logins.userId, set: changed, setWhere: eq(logins.subscriber, login.subscriber) })
    .returning();
  return rows.length > 0;
}
