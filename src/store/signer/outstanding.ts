import { and, eq, gt } from '../drizzle.ts';
import type { SignerTx } from './tables.ts';

/** Ids of a subscriber's authorizations with signatures left, whether or not their time is over. */
export async function outstandingAuthorizations(tx: SignerTx, subscriber: string): Promise<string[]> {
  const { authorizations: a } = tx.t;
  const rows = await tx.db
    .select({ id: a.id })
    .from(a)
    .where(and(eq(a.subscriber, subscriber), gt(a.remaining, 0)));
  return rows.map(({ id }) => id);
}
