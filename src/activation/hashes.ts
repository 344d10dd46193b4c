import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { type DigestName, digestByLength, digests as digestTable } from '../crypto/algorithms.ts';
import { findDigests } from '../store/signer/authorizations.ts';
import type { Authorization, SignerTx } from '../store/signer/tables.ts';
import type { AuthorizedHashes, Signer } from './context.ts';

/** How many authorizations are remembered. */
const remembered = 64;

/**
 * The digests of an authorization whose row was checked.
 * @throws KysoError integrity — they are not as Kyso wrote them
 */
export async function hashesOf(
  signer: Pick<Signer, 'mac' | 'hashes'>,
  tx: SignerTx,
  { id, digest, hashesMac }: Authorization,
): Promise<AuthorizedHashes> {
  const known = signer.hashes.get(id);
  if (known && equalBytes(known.mac, hashesMac)) return known;
  const joined = (await findDigests(tx, id)) ?? Buffer.alloc(0);
  const mac = macOfDigests(signer, id, joined);
  if (!equalBytes(mac, hashesMac))
    throw new KysoError('integrity', 'the hashes of an authorization were changed in the store');
  const loaded = { ...split(joined, digestTable[digest as DigestName].length), mac };
  signer.hashes.set(id, loaded);
  const [oldest] = signer.hashes.keys();
  if (signer.hashes.size > remembered && oldest !== undefined) signer.hashes.delete(oldest);
  return loaded;
}

function split(joined: Buffer, length: number): Pick<AuthorizedHashes, 'digests' | 'places'> {
  const digests: Buffer[] = [];
  const places = new Map<string, number[]>();
  for (let start = 0; start < joined.length; start += length) {
    const text = joined.toString('latin1', start, start + length);
    const same = places.get(text);
    if (same) same.push(digests.length);
    else places.set(text, [digests.length]);
    digests.push(joined.subarray(start, start + length));
  }
  return { digests, places };
}

/** Covers which digests an authorization is for. The MAC itself stands in its sealed row. */
export function macOfDigests({ mac }: Pick<Signer, 'mac'>, authorization: string, joined: Buffer): Buffer {
  return mac.over(authorization, [joined]);
}

/** The bits of an authorization for `count` digests of which none is spent. */
export const noneSpent = (count: number): Buffer => Buffer.alloc(Math.ceil(count / 8));

export const isSpent = (spent: Buffer, place: number): boolean => ((spent[place >> 3] ?? 0) & (1 << (place & 7))) !== 0;

/**
 * Takes digests from the multiset of what is not spent: for each of `wanted` a place of its own, or undefined when there
 * is none (any more). `left` are the bits after that.
 */
export function takePlaces(
  { places }: AuthorizedHashes,
  spent: Buffer,
  wanted: readonly Buffer[],
): { taken: (number | undefined)[]; left: Buffer } {
  const left = Buffer.from(spent);
  const taken = wanted.map((digest) => {
    const place = places.get(digest.toString('latin1'))?.find((candidate) => !isSpent(left, candidate));
    if (place !== undefined) left[place >> 3]! |= 1 << (place & 7);
    return place;
  });
  return { taken, left };
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
