import type { SignerTx } from './tables.ts';

/** Forgets all authorizations; what happened stays in the log. */
export async function deleteAllAuthorizations(tx: SignerTx): Promise<void> {
  await tx.db.delete(tx.t.authorizedHashes);
  await tx.db.delete(tx.t.authorizations);
}

/** Forgets the answers that were kept for repeated requests. */
export async function deleteAllKeptAnswers(tx: SignerTx): Promise<void> {
  await tx.db.delete(tx.t.idempotencyKeys);
}

/** Forgets all codes that were sent by e-mail. */
export async function deleteAllCodes(tx: SignerTx): Promise<void> {
  await tx.db.delete(tx.t.oneTimeCodes);
}
