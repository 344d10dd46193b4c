import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { readConfig } from '../config.ts';
import { operatorPeer } from './operator.ts';
import { defaultDirectory } from './options.ts';
import { when } from './plain.ts';

const usage = `kyso signer rotate kek|pepper [--dir DIR]
    makes a new key in the token, while Kyso runs; everything new is sealed under it. What is sealed under older ones
    works as before, and moves over when its holder next gives the PIN
kyso signer rotation [--dir DIR]
    how many keys and vaults each version still opens
kyso signer rotation --retire LABEL [--dir DIR]
    gives up an old version that opens nothing any more; the token destroys it a minute later
`;

const options = { dir: { type: 'string' }, retire: { type: 'string' }, help: { type: 'boolean' } } as const;

/** `kyso signer rotate` and `kyso signer rotation`: versions of the keys in the signer's token (S57). */
export async function signerKeys(step: 'rotate' | 'rotation', args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [key, ...others] = positionals;
  const rotates = step === 'rotate';
  const wrong = others.length > 0 || (rotates ? key !== 'kek' && key !== 'pepper' : key !== undefined);
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (wrong || (rotates && values.retire !== undefined)) throw new KysoError('configuration', `usage:\n${usage}`);
  const signer = await operatorPeer(readConfig(values.dir ?? defaultDirectory), 'signer');
  try {
    if (rotates) {
      const { label } = await signer.call('keys.rotate', { key: key as 'kek' | 'pepper' });
      print(`${label} is the ${key} from now on.`);
    } else if (values.retire !== undefined) {
      const { destroyedAt } = await signer.call('keys.retire', { label: values.retire });
      print(`${values.retire} opens nothing any more; the token destroys it after ${when(destroyedAt)}.`);
    } else {
      const { versions } = await signer.call('keys.rotation', {});
      for (const version of versions) print(describe(version));
    }
    return 0;
  } finally {
    signer.close();
  }
}

type Version = { key: 'kek' | 'pepper'; label: string; current: boolean; left: number; retired?: boolean };

function describe({ key, label, current, left, retired }: Version): string {
  const what = key === 'kek' ? 'keys' : 'vaults';
  const state = retired ? 'is being destroyed' : current ? `current, ${left} ${what}` : `${left} ${what} left`;
  return `${label.padEnd(16)} ${state}`;
}

const print = (line: string) => void process.stdout.write(`${line}\n`);
