import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { combine, split } from './shamir.ts';

/** One custodian's part of a secret: of which ceremony, which one, and how many of them give the secret back. */
export type Share = { ceremony: string; index: number; threshold: number; value: Buffer };

/** Splits a secret of 32 bytes among `count` custodians. `ceremony` (16 hex digits) keeps apart what belongs together. */
export function splitSecret(secret: Uint8Array, ceremony: string, count: number, threshold: number): Share[] {
  return split(secret, count, threshold).map((point) => ({ ceremony, threshold, ...point }));
}

/** A share as it is printed, on one line, with the checksum by which its holder can tell that it was copied right. */
export function formatShare(share: Share): string {
  const { ceremony, index, threshold, value } = share;
  const groups = value.toString('hex').match(/.{1,4}/g) ?? [];
  return ['kyso-share', ceremony, index, threshold, ...groups, 'check', checksumOf(share)].join(' ');
}

/** Eight hex digits of a share's SHA-256: enough to notice a slip, and nothing about the secret. */
export function checksumOf({ ceremony, index, threshold, value }: Share): string {
  const hash = sha256(`${ceremony} ${index} ${threshold} `, value).toString('hex');
  return `${hash.slice(0, 4)}-${hash.slice(4, 8)}`;
}

const form = /kyso-share ([0-9a-f]{16}) (\d{1,3}) (\d{1,3}) ((?:[0-9a-f]{4} ?){16}) ?check ([0-9a-f]{4}-[0-9a-f]{4})/;

/**
 * Reads a share from a file or from what was typed: case, line breaks and whatever stands around it do not matter.
 * @param name says which one, in the error
 * @throws KysoError configuration — there is none, or its checksum does not fit
 */
export function readShare(text: string, name: string): Share {
  const match = form.exec(text.toLowerCase().replace(/\s+/g, ' '));
  if (!match)
    throw new KysoError('configuration', `${name} holds no share ("kyso-share …" with 16 groups and a check)`);
  const [, ceremony = '', index, threshold, groups = '', checksum] = match;
  const value = Buffer.from(groups.replaceAll(' ', ''), 'hex');
  const share = { ceremony, index: Number(index), threshold: Number(threshold), value };
  if (checksumOf(share) !== checksum)
    throw new KysoError('configuration', `${name} does not fit its checksum: a digit is wrong`);
  return share;
}

/**
 * The secret that these shares are of. The caller wipes it, and compares it with what it is for: shares that were made
 * up give something, too.
 * @throws KysoError configuration — too few, from two ceremonies, or one of them twice only
 */
export function joinShares(shares: Share[]): Buffer {
  const [first] = shares;
  if (!first) throw new KysoError('configuration', 'no share was given');
  const { ceremony, threshold } = first;
  if (shares.some((share) => share.ceremony !== ceremony || share.threshold !== threshold))
    throw new KysoError('configuration', 'these shares come from different ceremonies: they do not fit together');
  const distinct = [...new Map(shares.map((share) => [share.index, share])).values()];
  if (distinct.length < threshold)
    throw new KysoError('configuration', `${threshold} different shares are needed, and only ${distinct.length} came`);
  return combine(distinct.slice(0, threshold));
}
