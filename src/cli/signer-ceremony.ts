import { parseArgs } from 'node:util';
import { type Config, readConfig } from '../config.ts';
import type { Share } from '../crypto/shares.ts';
import type { Backup } from '../hsm/backup-file.ts';
import { type Custody, type CustodyTools, collectShares, custodyFrom, custodyOptions } from './custodians.ts';
import { onTerminal } from './dialogue.ts';
import { defaultDirectory } from './options.ts';

const usage = `kyso signer init [--shares N] [--threshold M] [--shares-to DIR] [--no-backup] [--dir DIR]
    makes the signer's token, keys and store. The keys can be restored by any M (2) of N (3) custodians together: each
    gets a share, printed for him alone or, with --shares-to, as a file to take away. In a sandbox they lie in
    secrets/shares. --no-backup: whoever loses the token loses every key; for sandboxes, and for tokens that take no
    keys from outside
kyso signer restore --share FILE … [--backup FILE] [--dir DIR]
    puts the keys back into a fresh token, for a store that was copied back before. Shares that are no files are asked for
`;

export type Ceremony = CustodyTools & {
  initSigner(config: Config, custody?: Custody | 'none'): Promise<void>;
  restoreSigner(config: Config, backup: Backup, shares: Share[]): Promise<void>;
};

const options = {
  dir: { type: 'string' },
  ...custodyOptions,
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
    if (step === 'init') {
      const custody = custodyFrom(config, 'signer', values, { tools: ceremony, dialogue });
      await ceremony.initSigner(config, custody);
    } else {
      const { backup, shares } = await collectShares(config, 'signer', values, dialogue);
      await ceremony.restoreSigner(config, backup, shares);
    }
  } finally {
    dialogue.answers.close();
  }
  dialogue.print(`kyso signer ${step}: done`);
  return 0;
}
