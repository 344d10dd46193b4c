import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf } from '../config.ts';
import { caContract } from '../ipc/ca-contract.ts';
import { connectIpc } from '../ipc/client.ts';
import { authenticator } from './one-time-code.ts';
import { keyTypes, people, type Role } from './people.ts';

/** What a holder of the sandbox knows; kept in a 0600 file, since here nobody else could remember it. */
export type Holder = { userID: string; password: string; pin: string; totpSecret: string };
type Credential = { credentialID: string; keyType: string; otp: 'totp' };
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
  const store = accountStore(config);
  for (const role of ['subscriber', 'otherSubscriber'] as const) {
    const account = store.accounts[role] ?? {
      holder: newHolder(people[role].userID),
      credentials: [],
      lastStep: 0,
      activated: false,
    };
    store.accounts[role] = account;
    if (account.credentials.length < keyTypes.length) {
      onStep(`keys and certificates for ${people[role].name}`);
      account.credentials = await issueAll(config, role);
      store.save();
    }
    if (account.activated) continue;
    onStep(`account of ${people[role].name}: PIN, authenticator, password`);
    await activate(config, baseUrl, account, store.save);
    account.activated = true;
    store.save();
  }
  return writeSandboxFile(config, baseUrl, store.accounts);
}

function accountStore(config: Config) {
  const file = join(pathsOf(config).secrets, 'sandbox-accounts.json');
  const accounts: Accounts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  return { accounts, save: () => writePrivate(file, accounts) };
}

function newHolder(userID: string): Holder {
  const secret = () => randomBytes(9).toString('base64url');
  return { userID, password: secret(), pin: secret(), totpSecret: '' };
}

async function issueAll(config: Config, role: Role): Promise<Credential[]> {
  const keys: Record<string, string> = JSON.parse(readFileSync(pathsOf(config).operatorKey, 'utf8'));
  const key = Buffer.from(keys['operator-ca'] ?? '', 'base64');
  const ca = connectIpc({ path: pathsOf(config).socket('ca'), contract: caContract, link: 'operator', key });
  try {
    for (let tries = 0; !ca.connected() && tries < 100; tries += 1) await delay(50);
    const credentials: Credential[] = [];
    for (const [index, keyType] of keyTypes.entries()) {
      const { credentialID } = await ca.call('sandbox.issue', { ...people[role], keyType, serial: index + 1 });
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
