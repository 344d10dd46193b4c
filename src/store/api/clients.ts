import { asc, eq } from '../drizzle.ts';
import type { ApiTx, Client } from './tables.ts';

/** The built-in client to which every login by password belongs (design §6). */
export const directClient = 'direct';

/** The built-in client of logins to the own account: whoever suspends the other must not keep people from freezing. */
export const accountClient = 'account';

/** Makes sure that the built-in clients exist. Called once when the API starts; leaves existing rows alone. */
export async function seedClients(tx: ApiTx, now: number): Promise<void> {
  const usual = { suspended: false, switches: '{}', createdAt: now };
  const direct = { id: directClient, name: 'Direct login', ...usual };
  const account = { id: accountClient, name: 'Own account', ...usual };
  await tx.db.insert(tx.t.clients).values([direct, account]).onConflictDoNothing();
}

export function listClients(tx: ApiTx): Promise<Client[]> {
  return tx.db.select().from(tx.t.clients).orderBy(asc(tx.t.clients.id));
}

export async function findClient(tx: ApiTx, id: string): Promise<Client | undefined> {
  const [client] = await tx.db.select().from(tx.t.clients).where(eq(tx.t.clients.id, id));
  return client;
}

/** Changes a client; the row as it is now, undefined when there is none of that id. */
export async function changeClient(
  tx: ApiTx,
  id: string,
  changes: Partial<Pick<Client, 'suspended' | 'switches'>>,
): Promise<Client | undefined> {
  const [client] = await tx.db.update(tx.t.clients).set(changes).where(eq(tx.t.clients.id, id)).returning();
  return client;
}

/** True when there is such a client and nobody suspended it. */
export async function clientWorks(tx: ApiTx, id: string): Promise<boolean> {
  return (await findClient(tx, id))?.suspended === false;
}
