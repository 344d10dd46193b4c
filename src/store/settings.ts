import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { eq } from './drizzle.ts';
import type { Tx } from './store.ts';

type WithSettings = { settings: PgTable & { name: PgColumn; value: PgColumn } };

/** A setting as it stands in the store, its MAC unasked: for what has to be known before there is a key for MACs. */
export async function readUnsealed({ db, t }: Tx<WithSettings>, name: string): Promise<string | undefined> {
  const [row] = await db.select({ value: t.settings.value }).from(t.settings).where(eq(t.settings.name, name));
  return row && String(row.value);
}
