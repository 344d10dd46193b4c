import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Backup, parseBackup } from '../activation/backup.ts';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf, readConfig } from '../config.ts';
import { checksumOf, readShare, type Share } from '../crypto/shares.ts';
import { type Dialogue, onTerminal } from './dialogue.ts';
import { defaultDirectory } from './options.ts';

const usage = `kyso signer init [--shares N] [--threshold M] [--shares-to DIR] [--no-backup] [--dir DIR]
    makes the signer's token, keys and store. The keys can be restored by any M (2) of N (3) custodians together: each
    gets a share, printed for him alone or, with --shares-to, as a file to take away. In a sandbox they lie in
    secrets/shares. --no-backup: whoever loses the token loses every key; for sandboxes, and for tokens that take no
    keys from outside
kyso signer restore --share FILE … [--backup FILE] [--dir DIR]
    puts the keys back into a fresh token, for a store that was copied back before. Shares that are no files are asked for
`;

type Custody = { shares: number; threshold: number; deliver(share: Share): Promise<void> };
export type Ceremony = {
  initSigner(config: Config, custody?: Custody | 'none'): Promise<void>;
  restoreSigner(config: Config, backup: Backup, shares: Share[]): Promise<void>;
  custodyInFiles(directory: string, shares: number, threshold: number): Custody;
  shareText(share: Share, custody: Pick<Custody, 'shares' | 'threshold'>): string;
};

const options = {
  dir: { type: 'string' },
  shares: { type: 'string' },
  threshold: { type: 'string' },
  'shares-to': { type: 'string' },
  'no-backup': { type: 'boolean' },
  backup: { type: 'string' },
  share: { type: 'string', multiple: true },
  help: { type: 'boolean' },
} as const;

/** `kyso signer init` and `kyso signer restore`. */
export async function signerCeremony(step: 'init' | 'restore', args: string[], ceremony: Ceremony): Promise<number> {
  const { values } = parseArgs({ args, options });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const config = readConfig(values.dir ?? defaultDirectory);
  const dialogue = onTerminal();
  try {
    if (step === 'init') await init(config, values, ceremony, dialogue);
    else await restore(config, values, ceremony, dialogue);
  } finally {
    dialogue.answers.close();
  }
  dialogue.print(`kyso signer ${step}: done`);
  return 0;
}

type Values = {
  shares?: string | undefined;
  threshold?: string | undefined;
  'shares-to'?: string | undefined;
  'no-backup'?: boolean | undefined;
};

async function init(config: Config, values: Values, ceremony: Ceremony, dialogue: Dialogue): Promise<void> {
  if (values['no-backup']) {
    if (config.mode !== 'sandbox')
      throw new KysoError('configuration', 'a service needs a backup of its keys: --no-backup is for sandboxes');
    dialogue.print('No backup: whoever loses this token loses every key of every subscriber.');
    return ceremony.initSigner(config, 'none');
  }
  const [shares, threshold] = [Number(values.shares ?? 3), Number(values.threshold ?? 2)];
  const directory =
    values['shares-to'] ?? (config.mode === 'sandbox' ? join(pathsOf(config).secrets, 'shares') : undefined);
  const custody = directory
    ? ceremony.custodyInFiles(directory, shares, threshold)
    : { shares, threshold, deliver: byHand(dialogue, { shares, threshold }, ceremony) };
  await ceremony.initSigner(config, custody);
}

/** Prints each share for a custodian of its own, who copies it and types its check, so that it is known to be right. */
function byHand({ answers, print }: Dialogue, custody: Pick<Custody, 'shares' | 'threshold'>, ceremony: Ceremony) {
  const names = new Set<string>();
  return async (share: Share) => {
    const who = await answers.ask({ vi: `Người giữ phần ${share.index}`, en: `custodian of share ${share.index}` });
    const name = who.trim().toLowerCase();
    if (name === '' || names.has(name))
      throw new KysoError('configuration', 'each share needs a custodian of its own: nothing was made');
    names.add(name);
    print(ceremony.shareText(share, custody));
    const check = await answers.ask({ vi: 'Gõ lại mã kiểm tra sau "check"', en: 'type what stands behind "check"' });
    if (check.trim().toLowerCase() !== checksumOf(share))
      throw new KysoError('configuration', `this is not the check of share ${share.index}: nothing was made`);
    // Off the screen, and out of what the terminal scrolls back to.
    if (process.stdout.isTTY) process.stdout.write('\u001b[2J\u001b[3J\u001b[H');
  };
}

async function restore(
  config: Config,
  values: { backup?: string | undefined; share?: string[] | undefined },
  ceremony: Ceremony,
  { answers }: Dialogue,
): Promise<void> {
  const file = values.backup ?? pathsOf(config).backup;
  const backup = parseBackup(read(file), file);
  const shares = (values.share ?? []).map((name) => readShare(read(name), name));
  while (shares.length < backup.threshold) {
    const number = shares.length + 1;
    const en = `share ${number} of the ${backup.threshold} that are needed`;
    const text = await answers.ask({ vi: `Phần ${number} trong ${backup.threshold} phần cần có`, en, secret: true });
    shares.push(readShare(text, `share ${number}`));
  }
  await ceremony.restoreSigner(config, backup, shares);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KysoError('configuration', `${file} cannot be read`, { cause });
  }
}
