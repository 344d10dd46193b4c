import { and, eq, gt, isNull, lt } from '../drizzle.ts';
import type { ApiTx, Grant } from './tables.ts';

/** Ended grants stay for a day, so that an operator can still see them. */
const keptAfterEnd = 86_400_000;

/** Records a grant, and clears away those that ended long ago. */
export async function insertGrant(tx: ApiTx, grant: Omit<Grant, 'revokedAt'>): Promise<void> {
  await tx.db.delete(tx.t.grants).where(lt(tx.t.grants.expiresAt, grant.createdAt - keptAfterEnd));
  await tx.db.insert(tx.t.grants).values({ ...grant, revokedAt: null });
}

/** The grant of this id if it is neither ended nor revoked and its client is not suspended. */
export async function liveGrant(tx: ApiTx, id: string, now: number): Promise<Grant | undefined> {
  const { clients, grants } = tx.t;
  const [row] = await tx.db
    .select()
    .from(grants)
    .innerJoin(clients, eq(clients.id, grants.client))
    .where(and(eq(grants.id, id), gt(grants.expiresAt, now), isNull(grants.revokedAt), eq(clients.suspended, false)));
  return row?.grants;
}

/** Ends a grant at once; true when it was live until now. */
export async function revokeGrant(tx: ApiTx, id: string, now: number): Promise<boolean> {
  const { grants } = tx.t;
  const rows = await tx.db
    .update(grants)
    .set({ revokedAt: now })
    .where(and(eq(grants.id, id), isNull(grants.revokedAt)))
    .returning();
  return rows.length > 0;
}
