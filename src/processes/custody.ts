import { join } from 'node:path';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf } from '../config.ts';
import { formatShare, type Share } from '../crypto/shares.ts';
import type { TokenOwner } from '../hsm/backup-file.ts';
import { writeSecret } from './made.ts';

/**
 * Who keeps the means to restore a token: `shares` custodians, any `threshold` of whom can do it together.
 * `deliver` hands one share to its custodian, whose name it answers where there is one, and throws when that did not work.
 */
export type Custody = { shares: number; threshold: number; deliver(share: Share): Promise<string | undefined> };

/** A custodian's share as a file. */
export function shareText(
  share: Share,
  { shares, threshold }: Pick<Custody, 'shares' | 'threshold'>,
  owner: TokenOwner,
): string {
  return `Share ${share.index} of ${shares} of the backup of the keys of a Kyso ${owner}. Any ${threshold} of them, together with the
backup, give the keys back (kyso ${owner} restore); fewer tell nothing. Keep it where nobody else sees it.

${formatShare(share)}
`;
}

/** Each share becomes a file of its own in `directory`, for its custodian to take away. */
export function custodyInFiles(
  directory: string,
  shares: number,
  threshold: number,
  owner: TokenOwner = 'signer',
): Custody {
  return {
    ...{ shares, threshold },
    async deliver(share) {
      writeSecret(join(directory, `share-${share.index}.txt`), shareText(share, { shares, threshold }, owner));
      return undefined;
    },
  };
}

/** A sandbox plays all custodians. */
export const sandboxCustody = (config: Config, owner: TokenOwner): Custody =>
  custodyInFiles(sandboxShares(config, owner), 3, 2, owner);

/** Where a sandbox's shares lie. */
export const sandboxShares = (config: Config, owner: TokenOwner) =>
  join(pathsOf(config).secrets, owner === 'signer' ? 'shares' : 'ca-shares');

/**
 * Outside the sandbox no single person may hold what restores the keys, and nothing may depend on one token (S17).
 * @throws KysoError configuration
 */
export function assertCustody({ mode }: Pick<Config, 'mode'>, custody: Custody | 'none'): void {
  if (mode === 'sandbox') return;
  if (custody === 'none')
    throw new KysoError('configuration', 'a service needs a backup of its keys: --no-backup is for sandboxes');
  if (custody.threshold < 2)
    throw new KysoError('configuration', 'a service needs two persons to restore its keys: --threshold 2 or more');
}
