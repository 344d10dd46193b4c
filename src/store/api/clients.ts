import { eq } from '../drizzle.ts';
import type { ApiTx } from './tables.ts';

/** The built-in client to which every login by password belongs (design §6). */
export const directClient = 'direct';

/** Makes sure that the built-in client exists. Called once when the API starts; leaves an existing row alone. */
export async function seedClients(tx: ApiTx, now: number): Promise<void> {
  const direct = { id: directClient, name: 'Direct login', suspended: false, createdAt: now };
  await tx.db.insert(tx.t.clients).values(direct).onConflictDoNothing();
}

/** Suspends a client or lets it work again; true when there is one of that id. */
export async function suspendClient(tx: ApiTx, id: string, suspended: boolean): Promise<boolean> {
  const rows = await tx.db.update(tx.t.clients).set({ suspended }).where(eq(tx.t.clients.id, id)).returning();
  return rows.length > 0;
}

/** True when there is such a client and nobody suspended it. */
export async function clientWorks(tx: ApiTx, id: string): Promise<boolean> {
  const [client] = await tx.db.select().from(tx.t.clients).where(eq(tx.t.clients.id, id));
  return client?.suspended === false;
}
