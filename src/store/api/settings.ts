import { eq } from '../drizzle.ts';
import type { ApiTx } from './tables.ts';

/** The value under this name; `made` becomes it when there is none yet, and of several machines only the first counts. */
export async function settingOr(tx: ApiTx, name: string, made: string): Promise<string> {
  const { settings } = tx.t;
  await tx.db.insert(settings).values({ name, value: made }).onConflictDoNothing();
  const [row] = await tx.db.select().from(settings).where(eq(settings.name, name));
  if (!row) throw new Error(`the setting ${name} did not stay`);
  return row.value;
}

export async function readSetting(tx: ApiTx, name: string): Promise<string | undefined> {
  const { settings } = tx.t;
  const [row] = await tx.db.select().from(settings).where(eq(settings.name, name));
  return row?.value;
}

export async function putSetting(tx: ApiTx, name: string, value: string): Promise<void> {
  const { settings } = tx.t;
  await tx.db.insert(settings).values({ name, value }).onConflictDoUpdate({ target: settings.name, set: { value } });
}
