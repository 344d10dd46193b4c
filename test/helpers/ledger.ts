import { createHash } from 'node:crypto';
import { isSpent } from '../../src/activation/hashes.ts';
import { type DigestName, digests as digestTable } from '../../src/crypto/algorithms.ts';
import { eq } from '../../src/store/drizzle.ts';
import type { SignerStore } from '../../src/store/signer/tables.ts';

export const base64 = (hashes: Buffer[]) => hashes.map((hash) => hash.toString('base64'));

/** The row behind a SAD. */
export async function authorizationOf({ store }: { store: Pick<SignerStore, 'read'> }, sad: string) {
  const { authorizations } = store.read.t;
  const id = createHash('sha256').update(sad).digest('base64url');
  const [row] = await store.read.db.select().from(authorizations).where(eq(authorizations.id, id));
  return row;
}

/** Digests (hex) that stand more often in `signed` than in `authorized`. */
export function beyond(authorized: Buffer[], signed: string[]): string[] {
  const left = authorized.map((hash) => hash.toString('hex'));
  return signed.filter((hash) => {
    const index = left.indexOf(hash);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}

/** Every digest that an authorization is for, in their order, and whether it is spent. */
export async function hashesIn({ store }: { store: Pick<SignerStore, 'read'> }) {
  const { authorizations: a, authorizedHashes: h } = store.read.t;
  const rows = await store.read.db.select().from(a).innerJoin(h, eq(h.authorization, a.id));
  return rows.flatMap(({ authorizations: { id, digest, spent }, authorized_hashes: { digests } }) => {
    const { length } = digestTable[digest as DigestName];
    return Array.from({ length: digests.length / length }, (_, place) => ({
      authorization: id,
      digest: digests.subarray(place * length, (place + 1) * length),
      spent: isSpent(spent, place),
    }));
  });
}
