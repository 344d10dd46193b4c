import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generateSync } from 'otplib';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { type Config, type ConfigFile, readConfig } from '../config.ts';
import { describeMessage, readMessages } from './mailbox.ts';
import { defaultDirectory, defaultPort, readPort } from './options.ts';

type Ceremonies = Record<'enrolSigner', (config: Config) => Promise<void>>;
export type InitSandbox = (
  directory: string,
  options: { port: number; store: ConfigFile['store']; onStep?: (what: string) => void },
) => Promise<Config>;

/** `kyso signer enrol`, on an existing kyso.json. */
export async function init(who: string, step: string, args: string[], ceremonies: Ceremonies): Promise<number> {
  const { values } = parseArgs({ args, options: { dir: { type: 'string' } } });
  if (`${who} ${step}` !== 'signer enrol')
    throw new KysoError('configuration', `there is no step ${step}; see kyso help`);
  await ceremonies.enrolSigner(readConfig(values.dir ?? defaultDirectory));
  process.stdout.write(`kyso ${who} ${step}: done\n`);
  return 0;
}

/** `kyso sandbox init`, `kyso sandbox get NAME`, `kyso sandbox code [other]`, `kyso sandbox mail`. */
export async function sandbox(args: string[], initSandbox: InitSandbox): Promise<number> {
  const options = { dir: { type: 'string' }, port: { type: 'string' }, postgresql: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const directory = values.dir ?? defaultDirectory;
  const [step, name] = positionals;
  if (step === 'get' && name) process.stdout.write(`${sandboxValue(directory, name)}\n`);
  else if (step === 'code') process.stdout.write(`${currentCode(directory, name)}\n`);
  else if (step === 'mail') await showMail(directory);
  else if (step === 'init') await initialise(directory, values, initSandbox);
  else throw new KysoError('configuration', 'kyso sandbox init, get NAME, code [other], or mail; see kyso help');
  return 0;
}

type SandboxValues = { port?: string | undefined; postgresql?: string | undefined };

async function initialise(directory: string, values: SandboxValues, initSandbox: InitSandbox): Promise<void> {
  const url = values.postgresql;
  const store = url
    ? ({ engine: 'postgresql', signer: url, ca: url, api: url, notify: url } as const)
    : ({ engine: 'sqlite' } as const);
  const onStep = (what: string) => process.stdout.write(`• ${what}\n`);
  await initSandbox(directory, { port: readPort(values.port) ?? defaultPort, store, onStep });
  process.stdout.write(`The sandbox is in ${directory}.\n`);
}

function readSandboxFile(directory: string): unknown {
  const file = join(directory, 'sandbox.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new KysoError('configuration', `${file} cannot be read: kyso demo writes it`, { cause });
  }
}

/** One value of sandbox.json, for shell scripts: `csc.v1`, `credentials.0.credentialID`. */
function sandboxValue(directory: string, name: string): string {
  let value = readSandboxFile(directory);
  for (const part of name.split('.')) {
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? value[part as never] : undefined;
  }
  if (value === undefined) throw new KysoError('configuration', `sandbox.json has no ${name}`);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** All messages that the sandbox's people got, oldest first. */
async function showMail(directory: string): Promise<void> {
  const messages = await readMessages(sandboxValue(directory, 'mail.url'));
  for (const message of messages) process.stdout.write(`${describeMessage(message)}\n\n`);
}

/** What the authenticator app of a sandbox's subscriber shows now. */
function currentCode(directory: string, who: string | undefined): string {
  const secret = sandboxValue(directory, `${who === 'other' ? 'otherSubscriber' : 'subscriber'}.totpSecret`);
  return generateSync({ secret, epoch: Math.floor(systemClock.now() / 1000) });
}
