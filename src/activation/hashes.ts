import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { type DigestName, digestByLength } from '../crypto/algorithms.ts';
import { listHashes } from '../store/signer/authorizations.ts';
import type { Authorization, AuthorizedHash, SignerTx } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';

/** The hashes of an authorization in their order. @throws KysoError integrity — they are not as Kyso wrote them */
export async function hashesOf(signer: Signer, tx: SignerTx, authorization: Authorization): Promise<AuthorizedHash[]> {
  const rows = await listHashes(tx, authorization.id);
  if (equalBytes(macOfHashes(signer, authorization.id, rows), authorization.hashesMac)) return rows;
  throw new KysoError('integrity', 'the hashes of an authorization were changed in the store');
}

/** One MAC over all hash rows of an authorization in their order: which digests, and which signing spent each. */
export function macOfHashes(
  { mac }: Pick<Signer, 'mac'>,
  authorization: string,
  rows: Pick<AuthorizedHash, 'digest' | 'signing'>[],
): Buffer {
  return mac.over(
    authorization,
    rows.flatMap(({ digest, signing }) => [digest, Buffer.from(signing ?? '')]),
  );
}

/**
 * One length for all hashes (base64), and that length names the algorithm: 32, 48 or 64 bytes (design §4).
 * @throws KysoError digestLength — also when there are none
 */
export function readDigests(hashes: string[]): { digest: DigestName; digests: Buffer[] } {
  const digests = hashes.map((hash) => Buffer.from(hash, 'base64'));
  const digest = digestByLength(digests[0]?.length ?? 0);
  if (!digest || digests.some((bytes) => bytes.length !== digests[0]?.length)) throw new KysoError('digestLength');
  return { digest, digests };
}

/**
 * Takes hashes from a multiset: for each of `wanted` one row with the same digest, or undefined when there is none (any
 * more).
 */
export function matchHashes(rows: AuthorizedHash[], wanted: Buffer[]): (AuthorizedHash | undefined)[] {
  const unspent = new Map<string, AuthorizedHash[]>();
  for (const row of rows) {
    if (row.signing !== null) continue;
    const text = row.digest.toString('hex');
    const same = unspent.get(text);
    if (same) same.push(row);
    else unspent.set(text, [row]);
  }
  return wanted.map((digest) => unspent.get(digest.toString('hex'))?.shift());
}
