import { parseArgs } from 'node:util';
import { type Config, readConfig } from '../config.ts';
import type { Share } from '../crypto/shares.ts';
import type { Backup } from '../hsm/backup-file.ts';
import { collectShares } from './custodians.ts';
import { onTerminal } from './dialogue.ts';
import { defaultDirectory } from './options.ts';

const usage = `kyso ca restore --share FILE … [--backup FILE] [--dir DIR]
    puts ca's keys back into a fresh token, for its store, which is there or was copied back before. Shares that are no
    files are asked for. A new epoch begins; what was signed before is valid as before, and CRL numbers go on above all
    that the lost life may have given
`;

const options = {
  dir: { type: 'string' },
  backup: { type: 'string' },
  share: { type: 'string', multiple: true },
  help: { type: 'boolean' },
} as const;

export type RestoreCa = { restoreCa(config: Config, backup: Backup, shares: Share[]): Promise<void> };

/** `kyso ca restore`. */
export async function caRestore(args: string[], { restoreCa }: RestoreCa): Promise<number> {
  const { values } = parseArgs({ args, options });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const config = readConfig(values.dir ?? defaultDirectory);
  const dialogue = onTerminal();
  try {
    const { backup, shares } = await collectShares(config, 'ca', values, dialogue);
    await restoreCa(config, backup, shares);
  } finally {
    dialogue.answers.close();
  }
  dialogue.print('kyso ca restore: done');
  return 0;
}
