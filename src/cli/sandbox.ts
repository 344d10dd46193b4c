import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf } from '../config.ts';
import { caContract, type SandboxKeyType as KeyTypeName } from '../ipc/ca-contract.ts';
import { connectIpc } from '../ipc/client.ts';
import { authenticator } from './one-time-code.ts';
import { keyTypes, type Person, people, type Role } from './people.ts';

/** What a holder of the sandbox knows; kept in a 0600 file, since here nobody else could remember it. */
export type Holder = { userID: string; password: string; pin: string; totpSecret: string };
type Credential = { credentialID: string; keyType: KeyTypeName; otp: 'totp' };
type Account = { holder: Holder; credentials: Credential[]; lastStep: number; activated: boolean };
type Accounts = Partial<Record<Role, Account>>;

/** The file for any client of the sandbox (README, "Your first integration"). */
export type SandboxFile = {
  baseUrl: string;
  csc: { v1: string };
  caCertificate: string;
  subscriber: Holder;
  otherSubscriber: Holder;
  credentials: Credential[];
  otherCredentials: Credential[];
  client: { clientID: 'direct' };
};

/**
 * Gives the sandbox its people: ca issues their certificates, and each activates the account as a holder would, over
 * HTTP with both halves. Each step is written down before the next, so an interrupted run goes on where it was.
 */
export async function populate(config: Config, baseUrl: string, onStep: (what: string) => void): Promise<SandboxFile> {
  await untilReady(baseUrl);
  const { accounts, save } = accountStore(config);
  for (const role of ['subscriber', 'otherSubscriber'] as const) {
    const account = accounts[role] ?? newAccount(people[role].userID);
    accounts[role] = account;
    await enrol(config, baseUrl, { person: people[role], keyTypes, account, save, onStep });
  }
  return writeSandboxFile(config, baseUrl, accounts);
}

/** A further person, who is not in `sandbox.json`. */
export async function enrolPerson(
  config: Config,
  baseUrl: string,
  person: Person,
  wanted: readonly KeyTypeName[],
): Promise<Account> {
  const account = newAccount(person.userID);
  await enrol(config, baseUrl, { person, keyTypes: wanted, account, save: () => {}, onStep: () => {} });
  return account;
}

type Enrolment = {
  person: Person;
  keyTypes: readonly KeyTypeName[];
  account: Account;
  save: () => void;
  onStep: (what: string) => void;
};

async function enrol(
  config: Config,
  baseUrl: string,
  { person, keyTypes: wanted, account, save, onStep }: Enrolment,
): Promise<void> {
  if (account.credentials.length < wanted.length) {
    onStep(`keys and certificates for ${person.name}`);
    account.credentials = await issueAll(config, person, wanted);
    save();
  }
  if (account.activated) return;
  onStep(`account of ${person.name}: PIN, authenticator, password`);
  await activate(config, baseUrl, account, save);
  account.activated = true;
  save();
}

/** The accounts of the sandbox's people, and what saves them. */
export function accountStore(config: Config) {
  const file = join(pathsOf(config).secrets, 'sandbox-accounts.json');
  const accounts: Accounts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  return { accounts, save: () => writePrivate(file, accounts) };
}

function newAccount(userID: string): Account {
  const secret = () => randomBytes(9).toString('base64url');
  const holder = { userID, password: secret(), pin: secret(), totpSecret: '' };
  return { holder, credentials: [], lastStep: 0, activated: false };
}

/** A server that has just started is ready when signer has heard from ca. */
async function untilReady(baseUrl: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    const response = await fetch(`${baseUrl}/health/ready`, { signal: AbortSignal.timeout(5_000) }).catch(
      () => undefined,
    );
    if (response?.ok) return;
    await delay(100);
  }
  throw new KysoError('unavailable', `${baseUrl}/health/ready did not become ready within 30 s`);
}

async function issueAll(config: Config, person: Person, wanted: readonly KeyTypeName[]): Promise<Credential[]> {
  const keys: Record<string, string> = JSON.parse(readFileSync(pathsOf(config).operatorKey, 'utf8'));
  const key = Buffer.from(keys['operator-ca'] ?? '', 'base64');
  const ca = connectIpc({ path: pathsOf(config).socket('ca'), contract: caContract, link: 'operator', key });
  try {
    for (let tries = 0; !ca.connected() && tries < 100; tries += 1) await delay(50);
    const credentials: Credential[] = [];
    for (const [index, keyType] of wanted.entries()) {
      const { credentialID } = await ca.call('sandbox.issue', { ...person, keyType, serial: index + 1 });
      credentials.push({ credentialID, keyType, otp: 'totp' });
    }
    return credentials;
  } finally {
    ca.close();
  }
}

async function activate(config: Config, baseUrl: string, account: Account, save: () => void): Promise<void> {
  const { holder } = account;
  const halves = findHalves(config, holder.userID);
  const base = { userID: holder.userID, emailHalf: halves.email, smsHalf: halves.sms };
  if (holder.totpSecret === '') {
    const begun = (await post(`${baseUrl}/subscriber/v1/activation/begin`, base)) as { totpSecret: string };
    holder.totpSecret = begun.totpSecret;
    save();
  }
  const app = authenticator(holder.totpSecret, systemClock, account.lastStep);
  const otp = await app.nextCode();
  account.lastStep = app.lastStep();
  save();
  await post(`${baseUrl}/subscriber/v1/activation/complete`, {
    ...base,
    password: holder.password,
    pin: holder.pin,
    otp,
  });
}

/** The halves lie where only the signer's user and root can read: the sandbox's stand-in for the holder's mail and phone. */
function findHalves(config: Config, userID: string): { email: string; sms: string } {
  const directory = pathsOf(config).activation;
  const files = readdirSync(directory).map((file) => JSON.parse(readFileSync(join(directory, file), 'utf8')));
  const found = files.find((halves) => halves.userID === userID);
  if (!found) throw new KysoError('activationInvalid', `no activation data for ${userID} in ${directory}`);
  return found;
}

async function post(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  if (!response.ok) throw new KysoError('activationInvalid', `${url} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

function writeSandboxFile(config: Config, baseUrl: string, accounts: Accounts): SandboxFile {
  const { subscriber, otherSubscriber } = accounts;
  if (!subscriber || !otherSubscriber) throw new KysoError('internal', 'the sandbox lacks a person');
  const content: SandboxFile = {
    baseUrl,
    csc: { v1: `${baseUrl}/csc/v1` },
    caCertificate: readFileSync(pathsOf(config).rootCertificate, 'utf8'),
    subscriber: subscriber.holder,
    otherSubscriber: otherSubscriber.holder,
    credentials: subscriber.credentials,
    otherCredentials: otherSubscriber.credentials,
    client: { clientID: 'direct' },
  };
  writePrivate(join(config.directory, 'sandbox.json'), content);
  return content;
}

/** Whole or not at all: a reader never sees half of it, a crash leaves the old one. */
function writePrivate(file: string, content: unknown): void {
  const temporary = `${file}.new`;
  writeFileSync(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
  renameSync(temporary, file);
}
