import type { SignerTx } from './tables.ts';

/** Forgets all authorizations; what happened stays in the log. */
export async function deleteAllAuthorizations(tx: SignerTx): Promise<void> {
  await tx.db.delete(tx.t.authorizedHashes);
  await tx.db.delete(tx.t.authorizations);
}

/** Forgets all codes that were sent by e-mail. */
export async function deleteAllCodes(tx: SignerTx): Promise<void> {
  await tx.db.delete(tx.t.oneTimeCodes);
}
