import { type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { halfIn, readMessages } from '../../src/cli/mailbox.ts';
import { authenticator } from '../../src/cli/one-time-code.ts';
import { operatorPeer } from '../../src/cli/operator.ts';
import { sandboxMail } from '../../src/cli/sandbox.ts';
import type { Config } from '../../src/config.ts';
import type { SandboxLine } from '../../src/ipc/line.ts';
import { lease } from '../../src/notify/outbox.ts';
import type { Client } from './client.ts';
import type { History } from './facts.ts';

/** Kyso as its clients see it, and what they were answered. */
export type World = { config: Config; client: Client; history: History };

/** A holder with a certificate and both halves of the activation data, and nothing else yet. */
export type Enrolled = {
  line: SandboxLine;
  credentialID: string;
  halves: { userID: string; emailHalf: string; smsHalf: string };
};

/** A holder with an active account, logged in. */
export type Holder = {
  userID: string;
  credentialID: string;
  pin: string;
  publicKey: KeyObject;
  /** The headers of a request in the holder's name. */
  bearer: { authorization: string };
  /** A code that was not used before, of the kind that the credential wants; undefined when the next one takes long. */
  code(): Promise<string | undefined>;
};

/** Milliseconds. What notify had taken when it was killed is nobody else's for a minute; then come restart and delivery. */
const patience = lease + 60_000;

let holders = 0;

export async function enrolled({ config, history }: World, otp: SandboxLine['otp']): Promise<Enrolled> {
  holders += 1;
  const userID = `k${holders}-${randomBytes(4).toString('hex')}`;
  const contacts = { email: `${userID}@example.vn`, phone: `+8491${String(holders).padStart(7, '0')}` };
  const subject = { commonName: 'Lê Thị Kiên', organisation: 'Kyso', organisationalUnits: [] };
  const line: SandboxLine = {
    ...{ userID, name: 'Lê Thị Kiên', ...contacts, subject },
    ...{ keyType: 'EC-P256', otp, serial: 1 },
  };
  const { credentialID } = await untilGiven('a certificate', () => issue(config, line));
  history.issued.push({ credential: credentialID });
  const [emailHalf, smsHalf] = await Promise.all(
    [contacts.email, contacts.phone].map((to) => inText(config, to, halfIn)),
  );
  return { line, credentialID, halves: { userID, emailHalf: emailHalf!, smsHalf: smsHalf! } };
}

async function issue(config: Config, line: SandboxLine) {
  const ca = await operatorPeer(config, 'ca');
  return ca.call('sandbox.issue', line).finally(() => ca.close());
}

/** Both steps of the activation, each until it is answered, and a login. */
export async function activated(world: World, { line, credentialID, halves }: Enrolled): Promise<Holder> {
  const { config, client, history } = world;
  const { userID } = line;
  const [password, pin] = [randomBytes(9).toString('base64url'), randomBytes(9).toString('base64url')];
  const begun = await client.insist('/subscriber/v1/activation/begin', halves);
  const app = authenticator(String(begun.body.totpSecret), systemClock);
  for (;;) {
    const request = { ...halves, password, pin, otp: await app.nextCode() };
    const completed = await client.insist('/subscriber/v1/activation/complete', request);
    if (completed.status === 204) break;
    // The code of a request that nobody answered may be used up.
    if (completed.body.error !== 'invalid_otp') throw new Error(`activation: ${JSON.stringify(completed)}`);
  }
  history.activated.push({ userID });
  const authorization = `Basic ${Buffer.from(`${userID}:${password}`).toString('base64')}`;
  const login = await client.insist('/csc/v1/auth/login', {}, { authorization });
  const bearer = { authorization: `Bearer ${login.body.access_token}` };
  const info = await client.insist('/csc/v1/credentials/info', { credentialID }, bearer);
  const [certificate] = (info.body.cert as { certificates: string[] }).certificates;
  const byEmail = async () => {
    await client.insist('/csc/v1/credentials/sendOTP', { credentialID }, bearer);
    return inText(config, line.email, (text) => /^ {4}(\d{6})$/m.exec(text)?.[1]);
  };
  return {
    ...{ userID, credentialID, pin, bearer },
    publicKey: new X509Certificate(Buffer.from(certificate!, 'base64')).publicKey,
    code: line.otp === 'email' ? byEmail : () => soonCode(app),
  };
}

/** A holder does not wait for the next half minute: there are others. */
async function soonCode(app: ReturnType<typeof authenticator>): Promise<string | undefined> {
  const late = new Error('the next code takes long');
  const refuse = () => {
    throw late;
  };
  return app.nextCode(refuse).catch((error: unknown) => {
    if (error !== late) throw error;
    return undefined;
  });
}

/** What `find` finds in the newest message to this person that has it. */
function inText(config: Config, to: string, find: (text: string) => string | undefined): Promise<string> {
  return untilGiven(`a message to ${to}`, async () => {
    const messages = (await readMessages(sandboxMail(config).url)).filter((message) => message.to === to);
    const found = messages.map(({ text }) => find(text)).findLast((text) => text !== undefined);
    if (found === undefined) throw new Error('not there yet');
    return found;
  });
}

async function untilGiven<T>(what: string, ask: () => Promise<T>): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    try {
      return await ask();
    } catch (cause) {
      if (performance.now() > end) throw new Error(`${what} did not come within ${patience / 1000} s`, { cause });
      await delay(50);
    }
  }
}
