import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { enrolCa } from '../activation/initialise.ts';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { type Config, type ConfigFile, checkConfig, pathsOf } from '../config.ts';
import { signerDomain } from '../store/signer/tables.ts';
import { initCa } from './ca-ceremony.ts';
import { readPin } from './secrets.ts';
import { initSigner } from './signer-ceremony.ts';
import { openDomain } from './stores.ts';
import { openToken } from './tokens.ts';
import { handOver, tierFor } from './users.ts';

/** Where Debian's and Ubuntu's package puts SoftHSM2. */
const softHsmPaths = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
];

export type SandboxOptions = { port: number; store: ConfigFile['store']; onStep?: (what: string) => void };

/**
 * A whole sandbox in a directory: configuration, both tokens, the authority, each side enrolled with the other. What an
 * interrupted run left behind is thrown away first: nothing of it has ever been used.
 */
export async function initSandbox(directory: string, { port, store, onStep }: SandboxOptions): Promise<Config> {
  const module = softHsmPaths.find((path) => existsSync(path));
  if (!module)
    throw new KysoError('configuration', 'SoftHSM2 is missing: run ./scripts/setup, or apt-get install softhsm2');
  const file: ConfigFile = {
    mode: 'sandbox',
    name: 'Kyso sandbox',
    http: { host: '127.0.0.1', port, trustedProxies: [] },
    pkcs11: { module, workers: 2 },
    store,
    instance: 'signer-1',
  };
  const config = checkConfig(file, directory);
  const paths = pathsOf(config);
  if (existsSync(paths.initialised)) throw new KysoError('configuration', `${directory} is already initialised`);
  const owned = (['signer', 'ca', 'api', 'notify', 'catcher'] as const).map((name) => paths.own(name));
  const parts = [...owned, paths.secrets, paths.enrolled];
  const foreign = existsSync(paths.config) ? undefined : parts.find((part) => existsSync(part));
  if (foreign) throw new KysoError('configuration', `${foreign} is not Kyso's: a sandbox needs a directory of its own`);
  mkdirSync(config.directory, { recursive: true, mode: 0o755 });
  for (const part of parts) rmSync(part, { recursive: true, force: true });
  writeFileSync(paths.config, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o644 });

  onStep?.('token and store of the signer');
  await initSigner(config);
  onStep?.('token of the certification authority, root and issuing authorities');
  await initCa(config);
  await enrolSigner(config);
  return config;
}

/** `kyso signer enrol`: the signer obeys this ca from now on. */
export async function enrolSigner(config: Config): Promise<void> {
  const { tier } = tierFor(config.directory);
  const paths = pathsOf(config);
  if (!existsSync(paths.feedKey))
    throw new KysoError('configuration', 'run kyso ca init first: signer enrols its feed key');
  const token = await openToken(config, 'signer', readPin(config, 'signer'));
  const store = await openDomain(config, signerDomain);
  try {
    await enrolCa(store, token, readFileSync(paths.feedKey));
  } finally {
    await token.stop();
    await store.close();
    handOver(paths.own('signer'), 'signer', tier);
  }
  writeFileSync(paths.initialised, `${new Date(systemClock.now()).toISOString()}\n`);
}
