import { parseArgs } from 'node:util';
import { KysoError } from '../base/errors.ts';
import { type Config, type ConfigFile, readConfig } from '../config.ts';
import { defaultDirectory, defaultPort, readPort } from './options.ts';

type Ceremonies = Record<'initSigner' | 'initCa' | 'enrolSigner', (config: Config) => Promise<void>>;
export type InitSandbox = (
  directory: string,
  options: { port: number; store: ConfigFile['store']; onStep?: (what: string) => void },
) => Promise<Config>;

/** `kyso signer init`, `kyso signer enrol`, `kyso ca init`, on an existing kyso.json. */
export async function init(who: string, step: string, args: string[], ceremonies: Ceremonies): Promise<number> {
  const { values } = parseArgs({ args, options: { dir: { type: 'string' } } });
  const steps: Record<string, (config: Config) => Promise<void>> = {
    'signer init': ceremonies.initSigner,
    'signer enrol': ceremonies.enrolSigner,
    'ca init': ceremonies.initCa,
  };
  const run = steps[`${who} ${step}`];
  if (!run) throw new KysoError('configuration', `there is no step ${step}; see kyso help`);
  await run(readConfig(values.dir ?? defaultDirectory));
  process.stdout.write(`kyso ${who} ${step}: done\n`);
  return 0;
}

/** `kyso sandbox init`. */
export async function sandbox(args: string[], initSandbox: InitSandbox): Promise<number> {
  const options = { dir: { type: 'string' }, port: { type: 'string' }, postgresql: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (positionals.join(' ') !== 'init') throw new KysoError('configuration', 'the only step is kyso sandbox init');
  const url = values.postgresql;
  const store = url
    ? ({ engine: 'postgresql', signer: url, ca: url, api: url } as const)
    : ({ engine: 'sqlite' } as const);
  const directory = values.dir ?? defaultDirectory;
  await initSandbox(directory, {
    port: readPort(values.port) ?? defaultPort,
    store,
    onStep: (what) => process.stdout.write(`• ${what}\n`),
  });
  process.stdout.write(`The sandbox is in ${directory}.\n`);
  return 0;
}
