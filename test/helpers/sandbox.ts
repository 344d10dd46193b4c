import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { systemClock } from '../../src/base/clock.ts';
import { authenticator } from '../../src/cli/one-time-code.ts';
import { enrolPerson, type Holder, populate, type SandboxFile } from '../../src/cli/sandbox.ts';
import { cscClient } from '../../src/client/index.ts';
import type { Config, ConfigFile } from '../../src/config.ts';
import { initSandbox } from '../../src/processes/init.ts';
import { shortDirectory } from './temp.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

/** A running Kyso with its own directory, port, tokens and people: the real processes, as `kyso serve` starts them. */
export type Sandbox = {
  config: Config;
  baseUrl: string;
  csc: string;
  file: SandboxFile;
  /** A further subscriber with one credential per key type, since each of its one-time codes is good only once. */
  newPerson(keyTypes?: ('RSA-2048' | 'EC-P256')[]): Promise<Person>;
  /** Process ids of everything below the supervisor, by title: `kyso api`, `kyso signer`, `kyso ca`. */
  supervisor: ChildProcess;
  stop(): Promise<void>;
};

export type Person = {
  holder: Holder;
  credentialIDs: string[];
  nextCode(): Promise<string>;
  login(): Promise<string>;
};

let persons = 0;

export async function startSandbox(t: Test, store: ConfigFile['store'] = { engine: 'sqlite' }): Promise<Sandbox> {
  const directory = shortDirectory(t);
  const port = await freePort();
  const config = await initSandbox(join(directory, 'd'), { port, store });
  const supervisor = startServe(config);
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

  const person = (holder: Holder, credentialIDs: string[], lastStep: number): Person => {
    const app = authenticator(holder.totpSecret, systemClock, lastStep);
    return {
      holder,
      credentialIDs,
      nextCode: () => app.nextCode(),
      login: async () => (await cscClient({ baseUrl: csc }).login(holder.userID, holder.password)).accessToken,
    };
  };
  return {
    ...{ config, baseUrl, csc, file, supervisor, stop },
    async newPerson(keyTypes = ['EC-P256']) {
      persons += 1;
      const userID = `person-${persons}-${randomBytes(4).toString('hex')}`;
      const account = await enrolPerson(
        config,
        baseUrl,
        {
          ...{
            userID,
            name: `Lê Thị ${persons}`,
            email: `${userID}@example.vn`,
            phone: `+8490100${String(persons).padStart(4, '0')}`,
          },
          subject: { commonName: `Lê Thị ${persons}`, organisation: 'Kyso', organisationalUnits: [] },
        },
        keyTypes,
      );
      return person(
        account.holder,
        account.credentials.map((credential) => credential.credentialID),
        account.lastStep,
      );
    },
  };
}

/** `kyso serve` with a clean environment, by way of env(1): tap's hooks would come back into whatever Node starts itself. */
export function startServe(config: Config): ChildProcess {
  const command = [process.execPath, main, 'serve', '--dir', config.directory];
  return spawn('env', ['-i', `PATH=${process.env.PATH}`, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
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
