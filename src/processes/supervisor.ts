import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KysoError } from '../base/errors.ts';
import { type Config, hasCatcher, pathsOf } from '../config.ts';
import { type Boot, linkKey, linksOf } from './boot.ts';
import { forbidCoreDumps } from './core-dumps.ts';
import { unfixable } from './lifecycle.ts';
import { log } from './log.ts';
import { readSecrets } from './secrets.ts';
import { group, type ProcessName, sharedRole, socketDirectory, type Tier, tierFor, users } from './users.ts';

const main = join(import.meta.dirname, '..', 'main.ts');
/** Milliseconds before a process that ended is started again: the first time, and at most. */
const firstPause = 100;
const longestPause = 2_000;
/** How long a process may take to stop before it is killed. */
const stopTime = 10_000;

export type Supervisor = {
  tier: Tier;
  /** Resolves when all processes have said that they are ready; rejects when one cannot be helped by a restart. */
  ready: Promise<void>;
  /** Resolves when everything has ended: after `stop`, or because of such a process, and then with its name. */
  ended: Promise<ProcessName | undefined>;
  pids(): Partial<Record<ProcessName, number>>;
  /** api first, so that nothing new comes in while signer and ca finish what they have. */
  stop(): Promise<void>;
};

/**
 * Starts notify, signer, ca and api (and a sandbox's catcher), each under a user of its own where that is possible, and starts again what ends. Makes a
 * new key for each link at each boot, and gives a process only the keys of its own links.
 * @throws KysoError configuration — a secret cannot be read, or the sockets' directory is somebody else's
 */
export function supervise(config: Config): Supervisor {
  forbidCoreDumps();
  const own = tierFor(config.directory);
  const why = own.why ?? sharedRole(config.store);
  const tier: Tier = why ? 'development' : 'production';
  if (why) log('tier', { tier, why });
  const bootKey = randomBytes(32);
  const running = new Map<ProcessName, ChildProcess>();
  const sandboxed: ProcessName[] = hasCatcher(config) ? ['catcher'] : [];
  const names: ProcessName[] = [...sandboxed, 'notify', 'signer', 'ca', 'api'];
  const waiting = new Set(names);
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<ProcessName | undefined>();
  let stopping: Promise<void> | undefined;
  let failed: ProcessName | undefined;

  const paths = pathsOf(config);
  for (const server of ['signer', 'ca', 'notify', 'api'] as const)
    socketDirectory(dirname(paths.socket(server)), server, own.tier);

  function start(name: ProcessName, boot: Boot, pause = firstPause): void {
    const startedAt = performance.now();
    const identity = own.tier === 'production' ? { uid: users[name], gid: group } : {};
    const child = spawn(process.execPath, [...process.execArgv, main, name], {
      ...identity,
      cwd: '/',
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    running.set(name, child);
    child.on('error', (error) => {
      log('process error', { name, error });
      if (child.pid === undefined) onEnd(null, null);
    });
    child.on('message', () => {
      if (!waiting.delete(name) || waiting.size > 0) return;
      // Not before: a second supervisor in this directory must not take the operator's keys from the first.
      writeOperatorKeys();
      ready.resolve();
    });
    child.send(boot);
    child.once('exit', onEnd);

    function onEnd(code: number | null, signal: string | null): void {
      if (running.get(name) === child) running.delete(name);
      if (stopping) return;
      log('process ended', { name, code, signal });
      if (code === unfixable) void giveUp(name);
      else if (performance.now() - startedAt > 10_000) again(name, firstPause);
      else again(name, Math.min(pause * 2, longestPause));
    }
  }

  async function again(name: ProcessName, pause: number): Promise<void> {
    await delay(pause);
    if (stopping) return;
    try {
      start(name, bootOf(name), pause);
    } catch (error) {
      log('start failed', { name, error });
      await giveUp(name);
    }
  }

  async function giveUp(name: ProcessName): Promise<void> {
    ready.reject(new KysoError('configuration', `${name} cannot start: see its message above`));
    failed = name;
    await stop();
  }

  function bootOf(name: ProcessName): Boot {
    const links = Object.fromEntries(linksOf(name).map((link) => [link, linkKey(bootKey, link)]));
    return { config, tier, links, secrets: readSecrets(config, name) };
  }

  /** For the operator's own commands, who is root or the one user of this installation. */
  function writeOperatorKeys(): void {
    const keys = Object.fromEntries(
      (['operator-signer', 'operator-ca', 'operator-notify', 'operator-api'] as const).map((link) => [
        link,
        Buffer.from(linkKey(bootKey, link)).toString('base64'),
      ]),
    );
    writeFileSync(paths.operatorKey, JSON.stringify(keys), { mode: 0o600 });
  }

  function stop(): Promise<void> {
    stopping ??= (async () => {
      await end('api');
      await Promise.all([end('ca'), end('signer')]);
      await end('notify');
      await end('catcher');
      ended.resolve(failed);
    })();
    return stopping;
  }

  async function end(name: ProcessName): Promise<void> {
    const child = running.get(name);
    if (!child) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTime);
    await exited;
    clearTimeout(timer);
  }

  ready.promise.catch(() => {});
  const boots = names.map((name) => [name, bootOf(name)] as const);
  for (const [name, boot] of boots) start(name, boot);
  return {
    tier,
    ready: ready.promise,
    ended: ended.promise,
    stop,
    pids: () => Object.fromEntries([...running].map(([name, child]) => [name, child.pid])),
  };
}
