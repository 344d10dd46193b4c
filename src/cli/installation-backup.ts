import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf, readConfig } from '../config.ts';
import { copySqlite } from '../store/copy-sqlite.ts';
import { defaultDirectory } from './options.ts';

const usage = `kyso signer backup --to DIR [--dir DIR]      kyso ca backup --to DIR [--dir DIR]

Copies the stores, the sealed backups of the keys of signer and ca, and the configuration to a new directory, while Kyso runs or not.
What it holds opens nothing without the custodians' shares, a token and the holders' PINs. It holds no token, no PIN of a
token and no share. On PostgreSQL the stores are pg_dump's to copy: signer's first, ca's last.
`;

/** In this order, so that ca knows every order that the signer of this copy has applied, and sends what is missing. */
const stores = ['signer', 'api', 'notify', 'ca'] as const;

/** `kyso signer backup` and `kyso ca backup`: what a restore starts from, beside the shares. The copies belong together. */
export async function installationBackup(owner: 'signer' | 'ca', args: string[]): Promise<number> {
  const options = { dir: { type: 'string' }, to: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { values } = parseArgs({ args, options });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (!values.to) throw new KysoError('configuration', `usage:\n${usage}`);
  const config = readConfig(values.dir ?? defaultDirectory);
  if (existsSync(values.to))
    throw new KysoError('configuration', `${values.to} is there already: name a new directory`);
  copyInstallation(config, values.to);
  process.stdout.write(`kyso ${owner} backup: done, in ${values.to}\n`);
  return 0;
}

/** @throws KysoError configuration — a store cannot be copied */
export function copyInstallation(config: Config, to: string): void {
  const paths = pathsOf(config);
  const place = (file: string) => {
    const copy = join(to, relative(config.directory, file));
    mkdirSync(dirname(copy), { recursive: true, mode: 0o700 });
    return copy;
  };
  mkdirSync(to, { recursive: true, mode: 0o700 });
  chmodSync(to, 0o700);
  if (config.store.engine === 'sqlite') {
    for (const name of stores) {
      const file = join(paths.own(name), 'store.db');
      if (existsSync(file)) copySqlite(file, place(file));
    }
  }
  for (const file of [paths.backup, paths.caBackup, paths.config, paths.initialised])
    if (existsSync(file)) copyFileSync(file, place(file));
  cpSync(paths.enrolled, place(paths.enrolled), { recursive: true });
}
