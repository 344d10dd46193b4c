import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Config, type ConfigFile, pathsOf, readConfig } from '../src/config.ts';
import { initSandbox } from '../src/processes/init.ts';

/** A whole Kyso as `kyso serve` starts it, in a sandbox of its own whose holders may get more codes than people do. */
export type BenchServer = { config: Config; port: number; baseUrl: string; supervisor: number; stop(): Promise<void> };

/** How many codes by e-mail a credential gets: the SADs of a measurement are issued one after the other. */
const codes = { pauseSeconds: 0, perQuarterHour: 10_000 };

export async function initServer(directory: string, store: ConfigFile['store']): Promise<Config> {
  await initSandbox(directory, { port: await freePort(), store });
  const file = join(directory, 'kyso.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), codes }));
  return readConfig(directory);
}

export async function startServer(config: Config): Promise<BenchServer> {
  const main = join(import.meta.dirname, '..', 'src', 'main.ts');
  const options = process.env.BENCH_NODE_OPTIONS?.split(' ') ?? [];
  const child = spawn(process.execPath, [...options, main, 'serve', '--dir', config.directory], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const { port } = config.http;
  const baseUrl = `http://127.0.0.1:${port}`;
  await untilReady(baseUrl, child);
  return {
    ...{ config, port, baseUrl, supervisor: child.pid ?? 0 },
    async stop() {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function untilReady(baseUrl: string, child: ChildProcess): Promise<void> {
  for (;;) {
    const response = await fetch(`${baseUrl}/health/ready`).catch(() => undefined);
    if (response?.ok) return;
    if (child.exitCode !== null) throw new Error('the server did not start: its reason stands above');
    await delay(20);
  }
}

/** The key with which the sandbox's catcher shows its messages is in the installation's secrets. */
export const catcherKey = (config: Config): string =>
  readFileSync(join(pathsOf(config).secrets, 'catcher-key'), 'utf8');

async function freePort(): Promise<number> {
  // The catcher's ports lie 1003 and 2006 above it.
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    if (typeof address === 'object' && address && address.port < 60_000) return address.port;
  }
}
