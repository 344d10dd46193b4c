import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { systemClock } from '../../src/base/clock.ts';
import { type CaughtMessage, untilMessage } from '../../src/cli/mailbox.ts';
import { authenticator } from '../../src/cli/one-time-code.ts';
import type { Wanted } from '../../src/cli/people.ts';
import { enrolPerson, type Holder, populate, type SandboxFile } from '../../src/cli/sandbox.ts';
import { cscClient } from '../../src/client/index.ts';
import { type Config, type ConfigFile, pathsOf } from '../../src/config.ts';
import { initSandbox } from '../../src/processes/init.ts';
import { shortDirectory } from './temp.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

/** A running Kyso with its own directory, port, tokens and people: the real processes, as `kyso serve` starts them. */
export type Sandbox = {
  config: Config;
  baseUrl: string;
  csc: string;
  file: SandboxFile;
  /** A further subscriber with these credentials, since each of its one-time codes is good only once. */
  newPerson(wanted?: (Wanted | Wanted['keyType'])[]): Promise<Person>;
  supervisor: ChildProcess;
  /** What all processes wrote to standard error. */
  log: { text: string };
  stop(): Promise<void>;
};

export type Person = {
  holder: Holder;
  email: string;
  phone: string;
  credentialIDs: string[];
  nextCode(): Promise<string>;
  /** The newest message to this person that fits. */
  message(channel: 'email' | 'sms', fits: (message: CaughtMessage) => boolean): Promise<CaughtMessage>;
  login(): Promise<string>;
};

let persons = 0;

export async function startSandbox(
  t: Test,
  store: ConfigFile['store'] = { engine: 'sqlite' },
  nodeOptions: string[] = [],
  module?: string,
): Promise<Sandbox> {
  const directory = shortDirectory(t);
  const port = await freePort();
  const config = await initSandbox(join(directory, 'd'), { port, store });
  if (module !== undefined) useModule(config, module);
  const supervisor = startServe(config, nodeOptions);
  const log = { text: '' };
  supervisor.stderr?.on('data', (chunk) => {
    log.text += String(chunk);
  });
  const stop = async () => {
    if (supervisor.exitCode !== null || supervisor.signalCode !== null) return;
    const ended = once(supervisor, 'exit');
    supervisor.kill('SIGTERM');
    await ended;
  };
  t.teardown(stop);
  const baseUrl = `http://127.0.0.1:${port}`;
  const file = await populate(config, baseUrl, () => {});
  const csc = file.csc.v1;

  const person = (
    { holder, lastStep }: { holder: Holder; lastStep: number },
    { email, phone }: { email: string; phone: string },
    credentialIDs: string[],
  ): Person => {
    const app = authenticator(holder.totpSecret, systemClock, lastStep);
    return {
      ...{ holder, email, phone, credentialIDs },
      nextCode: () => app.nextCode(),
      message: (channel, fits) =>
        untilMessage(
          file.mail.url,
          channel === 'email' ? email : phone,
          (message) => message.channel === channel && fits(message),
        ),
      login: async () => (await cscClient({ baseUrl: csc }).login(holder.userID, holder.password)).accessToken,
    };
  };
  return {
    ...{ config, baseUrl, csc, file, supervisor, log, stop },
    async newPerson(wanted = ['EC-P256']) {
      persons += 1;
      const userID = `person-${persons}-${randomBytes(4).toString('hex')}`;
      const contacts = { email: `${userID}@example.vn`, phone: `+8490100${String(persons).padStart(4, '0')}` };
      const name = `Lê Thị ${persons}`;
      const subject = { commonName: name, organisation: 'Kyso', organisationalUnits: [] };
      const account = await enrolPerson(
        config,
        baseUrl,
        { userID, name, ...contacts, subject },
        wanted.map((one) => (typeof one === 'string' ? { keyType: one, otp: 'totp' } : one)),
      );
      const ids = account.credentials.map(({ credentialID }) => credentialID);
      return person(account, contacts, ids);
    },
  };
}

/** Lets the installation reach its tokens by another PKCS#11 module, which must lead to the same ones. */
function useModule({ directory, ...file }: Config, module: string): void {
  writeFileSync(
    pathsOf({ directory }).config,
    JSON.stringify({ ...file, pkcs11: { ...file.pkcs11, module } } satisfies ConfigFile),
  );
}

/** `kyso serve` with a clean environment, by way of env(1): tap's hooks would come back into whatever Node starts itself. */
export function startServe(config: Config, nodeOptions: string[] = []): ChildProcess {
  const command = [process.execPath, ...nodeOptions, main, 'serve', '--dir', config.directory];
  const child = spawn('env', ['-i', `PATH=${process.env.PATH}`, ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.on('data', (chunk) => process.stderr.write(chunk));
  return child;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** One raw call, for what a well-behaved client never sends. */
export async function callRaw(
  url: string,
  token: string | undefined,
  body: unknown,
  headers: Record<string, string> = {},
) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }), ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

export async function untilReady(baseUrl: string, milliseconds = 10_000): Promise<void> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const response = await fetch(`${baseUrl}/health/ready`).catch(() => undefined);
    if (response?.ok) return;
    if (performance.now() > end) throw new Error(`not ready within ${milliseconds} ms`);
    await delay(50);
  }
}
