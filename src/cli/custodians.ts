import { readFileSync } from 'node:fs';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf } from '../config.ts';
import { checksumOf, readShare, type Share } from '../crypto/shares.ts';
import { type Backup, parseBackup, type TokenOwner } from '../hsm/backup-file.ts';
import type { Dialogue } from './dialogue.ts';

export type Custody = { shares: number; threshold: number; deliver(share: Share): Promise<string | undefined> };
/** What the processes' room has for custodians. */
export type CustodyTools = {
  custodyInFiles(directory: string, shares: number, threshold: number, owner: TokenOwner): Custody;
  shareText(share: Share, custody: Pick<Custody, 'shares' | 'threshold'>, owner: TokenOwner): string;
  sandboxShares(config: Config, owner: TokenOwner): string;
};

export const custodyOptions = {
  shares: { type: 'string' },
  threshold: { type: 'string' },
  'shares-to': { type: 'string' },
  'no-backup': { type: 'boolean' },
} as const;
type Values = {
  shares?: string | undefined;
  threshold?: string | undefined;
  'shares-to'?: string | undefined;
  'no-backup'?: boolean | undefined;
};

/**
 * Who keeps the shares, as the options say: files for the custodians to take away, or one custodian after the other.
 * @throws KysoError configuration — a service without a backup
 */
export function custodyFrom(
  config: Config,
  owner: TokenOwner,
  values: Values,
  { tools, dialogue }: { tools: CustodyTools; dialogue: Dialogue },
): Custody | 'none' {
  if (values['no-backup']) {
    if (config.mode !== 'sandbox')
      throw new KysoError('configuration', 'a service needs a backup of its keys: --no-backup is for sandboxes');
    dialogue.print(
      owner === 'signer'
        ? 'No backup: whoever loses this token loses every key of every subscriber.'
        : 'No backup: whoever loses this token can revoke nothing and needs a new authority.',
    );
    return 'none';
  }
  const [shares, threshold] = [Number(values.shares ?? 3), Number(values.threshold ?? 2)];
  const directory = values['shares-to'] ?? (config.mode === 'sandbox' ? tools.sandboxShares(config, owner) : undefined);
  if (directory) return tools.custodyInFiles(directory, shares, threshold, owner);
  const text = (share: Share) => tools.shareText(share, { shares, threshold }, owner);
  return { shares, threshold, deliver: byHand(dialogue, text) };
}

/** Prints each share for a custodian of its own, who copies it and types its check, so that it is known to be right. */
function byHand({ answers, print }: Dialogue, text: (share: Share) => string): Custody['deliver'] {
  const names = new Set<string>();
  return async (share) => {
    const who = await answers.ask({ vi: `Người giữ phần ${share.index}`, en: `custodian of share ${share.index}` });
    const name = who.trim().normalize('NFC');
    if (name === '' || names.has(name.toLowerCase()))
      throw new KysoError('configuration', 'each share needs a custodian of its own: nothing was made');
    names.add(name.toLowerCase());
    print(text(share));
    const check = await answers.ask({ vi: 'Gõ lại mã kiểm tra sau "check"', en: 'type what stands behind "check"' });
    if (check.trim().toLowerCase() !== checksumOf(share))
      throw new KysoError('configuration', `this is not the check of share ${share.index}: nothing was made`);
    // Off the screen, and out of what the terminal scrolls back to.
    if (process.stdout.isTTY) process.stdout.write('\u001b[2J\u001b[3J\u001b[H');
    return name;
  };
}

/** A backup and enough shares to open it, from files and, where these do not do, from the keyboard. */
export async function collectShares(
  config: Config,
  owner: TokenOwner,
  values: { backup?: string | undefined; share?: string[] | undefined },
  { answers }: Dialogue,
): Promise<{ backup: Backup; shares: Share[] }> {
  const paths = pathsOf(config);
  const file = values.backup ?? (owner === 'signer' ? paths.backup : paths.caBackup);
  const backup = parseBackup(read(file), file, owner);
  const shares = (values.share ?? []).map((name) => readShare(read(name), name));
  while (shares.length < backup.threshold) {
    const number = shares.length + 1;
    const en = `share ${number} of the ${backup.threshold} that are needed`;
    const text = await answers.ask({ vi: `Phần ${number} trong ${backup.threshold} phần cần có`, en, secret: true });
    shares.push(readShare(text, `share ${number}`));
  }
  return { backup, shares };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KysoError('configuration', `${file} cannot be read`, { cause });
  }
}
