import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { subscriber } from '../../src/cli/subscriber.ts';
import type { Question } from '../../src/cli/terminal.ts';
import { pathsOf } from '../../src/config.ts';
import type { Token } from '../../src/hsm/pool.ts';
import { buildApi } from '../../src/http/api.ts';
import { caContract } from '../../src/ipc/ca-contract.ts';
import type { Handlers, Peer } from '../../src/ipc/contract.ts';
import { serveIpc } from '../../src/ipc/server.ts';
import { type SignerContract, signerContract } from '../../src/ipc/signer-contract.ts';
import { apiDomain } from '../../src/store/api/tables.ts';
import { openStore } from '../../src/store/open-store.ts';
import { config as apiConfig, scriptedPeer } from '../http/helpers.ts';
import { newSigner, type TestPerson, type TestSigner } from './signer.ts';
import { shortDirectory } from './temp.ts';
import { until } from './until.ts';

export const main = join(import.meta.dirname, '../../src/main.ts');

/** What people of these tests choose. */
export const password = 'hoa-phượng-đỏ-2026';
export const pin = 'mã-pin-của-tôi-7';

export type Ended = { status: number | null; stdout: string; stderr: string };

function start(args: string[]): { child: ChildProcess; ended: Ended; end: Promise<Ended> } {
  const child = spawn('env', ['-i', process.execPath, main, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended: Ended = { status: null, stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk) => {
      ended[name] += chunk;
    });
  }
  // A command that ends before it read everything.
  child.stdin.on('error', () => {});
  const end = once(child, 'close').then(([status]) => Object.assign(ended, { status }));
  return { child, ended, end };
}

/** `kyso …` in a process of its own, with these lines on standard input. */
export function kyso(args: string[], lines: string[] = []): Promise<Ended> {
  const { child, end } = start(args);
  child.stdin?.end(lines.map((line) => `${line}\n`).join(''));
  return end;
}

/** A real api, listening on this machine, before a real signer. Answers its address. */
export async function listen(t: Test, world: TestSigner, tls?: { certificate: string; key: Buffer }): Promise<string> {
  const store = await openStore(apiDomain, { engine: 'sqlite', file: join(shortDirectory(t), 'api.db') });
  const signer: Peer<SignerContract> = {
    call: (method, params) => world.call(method, params),
    connected: () => true,
    close() {},
  };
  const ca = scriptedPeer<typeof caContract>(caContract, {});
  const app = await buildApi({ config: { ...apiConfig, ...(tls && { tls }) }, signer, ca, store, clock: world.clock });
  t.teardown(async () => {
    await app.close();
    await store.close();
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return `${tls ? 'https' : 'http'}://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

/** A signer on a store of its own. */
export function signerFor(t: Test, token: Token): Promise<TestSigner> {
  const file = join(shortDirectory(t), 'signer.db');
  const stores = {
    engine: 'sqlite',
    location: async () => ({ engine: 'sqlite', file }) as const,
    open: () => Promise.reject(new Error('only the signer has a store here')),
  } as const;
  return newSigner(t, stores, token);
}

/** A line of input, or what makes it when its question comes. */
type Line = string | ((printed: string) => string);

/** `kyso subscriber …` in this process, as a script with these lines sees it. */
export async function inProcess(args: string[], lines: Line[] = []): Promise<Ended> {
  const ended: Ended = { status: null, stdout: '', stderr: '' };
  const left = [...lines];
  const ask = async ({ vi, en }: Question) => {
    const line = left.shift();
    if (line === undefined) throw new KysoError('configuration', `no line of input is left for: ${vi} / ${en}`);
    return typeof line === 'string' ? line : line(ended.stdout);
  };
  const print = (line: string) => {
    ended.stdout += `${line}\n`;
  };
  try {
    ended.status = await subscriber(args, { answers: { ask, close() {} }, interactive: false, print });
  } catch (error) {
    if (!(error instanceof KysoError)) throw error;
    Object.assign(ended, { status: 1, stderr: error.message });
  }
  return ended;
}

/** A person who has not activated, and a command line that asks an api about that account. */
export async function setUp(t: Test, token: Token) {
  const world = await signerFor(t, token);
  const person = await world.newPerson({ activate: false });
  const where = ['--url', await listen(t, world), '--user', person.userID];
  const run = (command: string, ...lines: Line[]) =>
    inProcess([...command.split(' '), ...where], command === 'activate' ? lines : [password, ...lines]);
  return { world, person, where, run };
}

/** The same, activated. */
export async function activated(t: Test, token: Token) {
  const setting = await setUp(t, token);
  const { person, run } = setting;
  const { status, stderr } = await run('activate', ...activationLines(person));
  if (status !== 0) throw new Error(stderr);
  return setting;
}

/** What a holder answers to `activate`. */
export function activationLines(person: TestPerson): Line[] {
  person.pin = pin;
  const code = (printed: string) => {
    person.totpSecret = seedIn(printed);
    return person.code();
  };
  return [person.halves.email, person.halves.sms, password, pin, code];
}

/** `kyso subscriber activate` in a process of its own: the last answer waits for the seed. */
export async function activate(person: TestPerson, where: string[]): Promise<Ended> {
  const { child, ended, end } = start(['subscriber', 'activate', ...where]);
  const lines = activationLines(person);
  for (const line of lines) {
    if (typeof line !== 'string') await until(() => seedIn(ended.stdout) !== '' || child.exitCode !== null);
    child.stdin?.write(`${typeof line === 'string' ? line : line(ended.stdout)}\n`);
  }
  child.stdin?.end();
  return end;
}

/** The seed of the otpauth URI in a text that has all of it. */
export const seedIn = (output: string) => /secret=([A-Z2-7]{32})/.exec(output)?.[1] ?? '';

/** A command of the operator, `kyso signer attest-phone` unless named, at a directory in which this signer serves its operator. */
export async function operatorAt(t: Test, world: TestSigner, command = ['signer', 'attest-phone']) {
  const directory = shortDirectory(t);
  const paths = pathsOf({ directory });
  const key = randomBytes(32);
  mkdirSync(paths.secrets);
  const content = {
    ...{ mode: 'sandbox', name: 'x', instance: 'signer-1', store: { engine: 'sqlite' } },
    ...{ http: { host: '127.0.0.1', port: 8700, trustedProxies: [] }, pkcs11: { module: '/none', workers: 1 } },
  };
  writeFileSync(paths.config, JSON.stringify(content));
  writeFileSync(paths.operatorKey, JSON.stringify({ 'operator-signer': key.toString('base64') }));
  const methods = Object.keys(signerContract) as (keyof SignerContract)[];
  const handlers = Object.fromEntries(
    methods.map((method) => [method, (params: never) => world.call(method, params)]),
  ) as unknown as Handlers<SignerContract>;
  const options = { path: paths.socket('signer'), contract: signerContract, handlers, onError() {} };
  const server = await serveIpc({ ...options, keys: { operator: key } });
  t.teardown(() => server.close());
  return (...args: string[]) => kyso([...command, ...args, '--dir', directory]);
}

/** A command on a terminal of its own: each text is awaited, and answered unless there is no answer. */
export async function onTerminal(
  t: Test,
  args: string[],
  steps: [shown: string, answer: (() => string) | undefined][],
  watch: (screen: string) => void,
): Promise<{ status: number | null; screen: string }> {
  const command = ['env', '-i', 'LANG=C.UTF-8', process.execPath, main, ...args].join(' ');
  const child: ChildProcess = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill());
  let screen = '';
  let seen = 0;
  child.stdout?.setEncoding('utf8').on('data', (chunk) => {
    screen += chunk;
  });
  for (const [wanted, answer] of steps) {
    await until(() => screen.indexOf(wanted, seen) >= 0 || child.exitCode !== null);
    seen = Math.max(seen, screen.indexOf(wanted, seen) + wanted.length);
    watch(screen);
    if (answer) child.stdin?.write(`${answer()}\r`);
  }
  child.stdin?.end();
  const status = child.exitCode ?? ((await once(child, 'close'))[0] as number);
  return { status, screen };
}
