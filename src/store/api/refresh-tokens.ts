import { and, eq, gt, isNull } from '../drizzle.ts';
import type { ApiTx, RefreshToken } from './tables.ts';

export async function insertRefreshToken(tx: ApiTx, token: Omit<RefreshToken, 'usedAt'>): Promise<void> {
  await tx.db.insert(tx.t.refreshTokens).values({ ...token, usedAt: null });
}

/** The refresh token with this hash, used or not. */
export async function findRefreshToken(tx: ApiTx, id: string): Promise<RefreshToken | undefined> {
  const [row] = await tx.db.select().from(tx.t.refreshTokens).where(eq(tx.t.refreshTokens.id, id));
  return row;
}

/** Uses up a refresh token: one conditional UPDATE, so of any number of parallel requests one gets the row (S36). */
export async function spendRefreshToken(tx: ApiTx, id: string, now: number): Promise<RefreshToken | undefined> {
  const { refreshTokens: r } = tx.t;
  const [row] = await tx.db
    .update(r)
    .set({ usedAt: now })
    .where(and(eq(r.id, id), isNull(r.usedAt), gt(r.expiresAt, now)))
    .returning();
  return row;
}
