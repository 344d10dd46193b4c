import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { type Config, catcherUrl, pathsOf, pkiUrls } from '../config.ts';
import { halfIn, untilMessage } from './mailbox.ts';
import { authenticator } from './one-time-code.ts';
import { operatorPeer } from './operator.ts';
import { credentials, type Person, people, type Role, type Wanted } from './people.ts';

/** What a holder of the sandbox knows; kept in a 0600 file, since here nobody else could remember it. */
export type Holder = { userID: string; password: string; pin: string; totpSecret: string };
type Credential = Wanted & { credentialID: string };
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
  /** GET answers [{channel, to, subject, text, at}], newest last. */
  mail: { url: string };
  /** Where the status of its certificates is, and the authorities above them, PEM: issuing ones first. */
  pki: { crl: string[]; ocsp: string; tsa: string; chain: string };
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
    await enrol(config, baseUrl, { person: people[role], wanted: credentials[role], account, save, onStep });
  }
  return writeSandboxFile(config, baseUrl, accounts, await describePki(config));
}

/** A further person, who is not in `sandbox.json`. */
export async function enrolPerson(
  config: Config,
  baseUrl: string,
  person: Person,
  wanted: readonly Wanted[],
): Promise<Account> {
  const account = newAccount(person.userID);
  await enrol(config, baseUrl, { person, wanted, account, save: () => {}, onStep: () => {} });
  return account;
}

type Enrolment = {
  person: Person;
  wanted: readonly Wanted[];
  account: Account;
  save: () => void;
  onStep: (what: string) => void;
};

async function enrol(
  config: Config,
  baseUrl: string,
  { person, wanted, account, save, onStep }: Enrolment,
): Promise<void> {
  if (account.credentials.length < wanted.length) {
    onStep(`keys and certificates for ${person.name}`);
    account.credentials = await issueAll(config, person, wanted);
    save();
  }
  if (account.activated) return;
  onStep(`account of ${person.name}: PIN, authenticator, password`);
  await activate(config, baseUrl, person, account, save);
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

async function issueAll(config: Config, person: Person, wanted: readonly Wanted[]): Promise<Credential[]> {
  const ca = await operatorPeer(config, 'ca');
  try {
    const issued: Credential[] = [];
    for (const [index, { keyType, otp }] of wanted.entries()) {
      const { credentialID } = await ca.call('sandbox.issue', { ...person, keyType, otp, serial: index + 1 });
      issued.push({ credentialID, keyType, otp });
    }
    return issued;
  } finally {
    ca.close();
  }
}

async function activate(
  config: Config,
  baseUrl: string,
  person: Person,
  account: Account,
  save: () => void,
): Promise<void> {
  const { holder } = account;
  const halves = await receiveHalves(config, person);
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

/** Both halves, from the messages that the catcher took in the place of the holder's mailbox and phone. */
async function receiveHalves(config: Config, { email, phone }: Person): Promise<{ email: string; sms: string }> {
  const { url } = sandboxMail(config);
  const half = async (to: string) =>
    halfIn((await untilMessage(url, to, ({ text }) => halfIn(text) !== undefined)).text);
  const [byEmail = '', bySms = ''] = await Promise.all([half(email), half(phone)]);
  return { email: byEmail, sms: bySms };
}

/** Where the messages to the sandbox's people can be read. */
export function sandboxMail(config: Config): { url: string } {
  return { url: catcherUrl(config, readFileSync(join(pathsOf(config).secrets, 'catcher-key'), 'utf8')) };
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

async function describePki(config: Config): Promise<SandboxFile['pki']> {
  const ca = await operatorPeer(config, 'ca');
  try {
    const { root, issuing } = await ca.call('authority.certificates', {});
    const { shards } = await ca.call('crl.list', {});
    const { ocsp, tsa } = pkiUrls(config);
    return { crl: shards.map(({ url }) => url), ocsp, tsa, chain: issuing + root };
  } finally {
    ca.close();
  }
}

function writeSandboxFile(config: Config, baseUrl: string, accounts: Accounts, pki: SandboxFile['pki']): SandboxFile {
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
    mail: sandboxMail(config),
    pki,
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
