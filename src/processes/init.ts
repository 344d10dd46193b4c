import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tokenLabels as signerLabels } from '../activation/context.ts';
import { enrolCa, initialiseSignerStore } from '../activation/start.ts';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { enrolAttestationKey, initAuthority } from '../ca/ceremony.ts';
import { residentKeys as caKeys } from '../ca/context.ts';
import { type Config, type ConfigFile, checkConfig, hasCatcher, pathsOf, tokenOf } from '../config.ts';
import { createResidentKeys, initialiseSoftHsmToken } from '../hsm/init.ts';
import type { Token } from '../hsm/pool.ts';
import type { ResidentKeySpec } from '../hsm/protocol.ts';
import { certificatePem } from '../pki/pem.ts';
import { caDomain } from '../store/ca/tables.ts';
import { signerDomain } from '../store/signer/tables.ts';
import { readPin } from './secrets.ts';
import { openDomain } from './stores.ts';
import { openToken } from './tokens.ts';
import { handOver, ownDirectory, type Tier, tierFor } from './users.ts';

const signerKeys: ResidentKeySpec[] = [
  { label: signerLabels.kek, kind: 'AES-256-KEK' },
  { label: signerLabels.pepper, kind: 'HMAC-SHA256' },
  { label: signerLabels.rowMac, kind: 'HMAC-SHA256' },
  { label: signerLabels.seeds, kind: 'HMAC-SHA256' },
  { label: signerLabels.attestation, kind: 'EC-P256' },
];

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
  onStep?.('token of the certification authority, root and issuing certificates');
  await initCa(config);
  await enrolSigner(config);
  return config;
}

/**
 * `kyso signer init`: the signer's token with its long-lived keys, and its store; the places and secrets of the processes
 * that have no step of their own. Writes signer's attestation key for ca.
 */
export async function initSigner(config: Config): Promise<void> {
  const tier = assertCeremony(config);
  const paths = pathsOf(config);
  const token = await makeToken(config, 'signer', signerKeys, tier);
  const store = await openDomain(config, signerDomain);
  try {
    writePublic(paths.attestationKey, await initialiseSignerStore(store, token));
  } finally {
    await token.stop();
    await store.close();
  }
  handOver(paths.own('signer'), 'signer', tier);
  ownDirectory(paths.own('api'), 'api', tier);
  ownDirectory(paths.own('notify'), 'notify', tier);
  newSecret(join(paths.secrets, 'outbox-key'));
  if (hasCatcher(config)) {
    ownDirectory(paths.own('catcher'), 'catcher', tier);
    newSecret(join(paths.secrets, 'catcher-key'));
  }
}

/** `kyso ca init`: ca's token, root and issuing certificates, and the signer's attestation key enrolled. */
export async function initCa(config: Config): Promise<void> {
  const tier = assertCeremony(config);
  const paths = pathsOf(config);
  if (!existsSync(paths.attestationKey))
    throw new KysoError('configuration', 'run kyso signer init first: ca enrols its attestation key');
  const token = await makeToken(config, 'ca', caKeys, tier);
  const store = await openDomain(config, caDomain);
  const parts = { store, token, clock: systemClock };
  const name = (commonName: string) => ({
    commonName,
    organisation: 'Kyso Sandbox',
    organisationalUnits: [],
    country: 'VN' as const,
  });
  try {
    const made = await initAuthority({
      ...parts,
      root: name('Kyso Sandbox Root CA'),
      issuing: name('Kyso Sandbox Issuing CA'),
    });
    await enrolAttestationKey(parts, readFileSync(paths.attestationKey));
    writePublic(paths.feedKey, made.feedKey);
    writePublic(paths.rootCertificate, certificatePem(made.root));
  } finally {
    await token.stop();
    await store.close();
  }
  handOver(paths.own('ca'), 'ca', tier);
}

/** `kyso signer enrol`: the signer obeys this ca from now on. */
export async function enrolSigner(config: Config): Promise<void> {
  const tier = assertCeremony(config);
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

/**
 * A token with its keys. Kyso makes SoftHSM ones itself, with PINs of 192 random bits that are kept where only the
 * supervisor's user reads; a token that the configuration names exists already, and so does its PIN.
 */
async function makeToken(config: Config, owner: 'signer' | 'ca', keys: ResidentKeySpec[], tier: Tier): Promise<Token> {
  const paths = pathsOf(config);
  ownDirectory(paths.own(owner), owner, tier);
  mkdirSync(paths.secrets, { recursive: true, mode: 0o700 });
  if (tokenOf(config, owner).own) {
    const pin = newSecret(join(paths.secrets, `${owner}.pin`));
    const soPin = newSecret(join(paths.secrets, `${owner}.so-pin`));
    const { module, label } = tokenOf(config, owner).token;
    await initialiseSoftHsmToken({ module, tokenDirectory: paths.token(owner), label, pin, soPin });
  }
  const pin = readPin(config, owner);
  await createResidentKeys({ ...tokenOf(config, owner).token, pin: Buffer.from(pin), keys });
  return openToken(config, owner, pin);
}

function newSecret(file: string): Buffer {
  const secret = Buffer.from(randomBytes(24).toString('base64url'));
  try {
    writeFileSync(file, secret, { mode: 0o600, flag: 'wx', flush: true });
  } catch (cause) {
    throw new KysoError('configuration', `${file} cannot be made: was this step already done?`, { cause });
  }
  return secret;
}

function writePublic(file: string, content: string | Buffer): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  writeFileSync(file, content, { mode: 0o644, flush: true });
  chmodSync(file, 0o644);
}

/** Ceremonies outside the sandbox need two persons and a backup of what they make; Kyso has no such ceremony yet. */
function assertCeremony(config: Config): Tier {
  if (config.mode === 'sandbox') return tierFor(config.directory).tier;
  throw new KysoError(
    'configuration',
    'this version initialises sandboxes only: the two-person ceremony for a service does not exist yet',
  );
}
