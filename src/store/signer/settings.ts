import { eq } from '../drizzle.ts';
import type { SignerTx } from './tables.ts';

/** A setting as it stands in the store, its MAC unasked: for what has to be known before there is a key for MACs. */
export async function readUnsealed(tx: SignerTx, name: string): Promise<string | undefined> {
  const [row] = await tx.db.select().from(tx.t.settings).where(eq(tx.t.settings.name, name));
  return row?.value;
}
