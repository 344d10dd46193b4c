import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Config, type ConfigFile, pathsOf, readConfig } from '../../src/config.ts';
import { initSandbox } from '../../src/processes/init.ts';
import type { ProcessName } from '../../src/processes/users.ts';
import { descendants } from '../helpers/processes.ts';
import type { Random } from '../helpers/random.ts';
import { freePort, startServe, untilReady } from '../helpers/sandbox.ts';
import type { Shim } from '../helpers/shim.ts';
import { type Armed, arming, failpoints } from './arming.ts';
import { client } from './client.ts';
import { collectStores } from './collect.ts';
import type { Facts } from './facts.ts';
import type { World } from './holder.ts';
import { startLoad } from './load.ts';
import { subscriberSignatures } from './token-log.ts';

export type Harness = {
  config: Config;
  world: World;
  /** Kyso's processes as they are now. */
  supervisor(): ChildProcess;
  /**
   * Does the kills of `rounds` rounds under load, tells of each, and answers what is left when all has come to rest and
   * at least `releases` signHash requests were answered.
   */
  run(rounds: number, releases: number, onRound?: (what: string) => void): Promise<Outcome>;
};

/** `reached`: the failpoints that were. `failures`: what the clients met that no kill explains. */
export type Outcome = { facts: Facts; reached: Set<string>; failures: unknown[] };

export type HarnessOptions = {
  directory: string;
  store: ConfigFile['store'];
  random: Random;
  /** The module to sign with: its log tells what the token really signed. */
  shim: Shim;
  /** Crashes the database server and starts it again, where there is one. */
  crashStore?: () => Promise<void>;
  /** Further options for every node process, such as planted faults. */
  nodeOptions?: string[];
};

/** Milliseconds, also on a busy machine: for a failpoint to be reached, and for the processes to be back. */
const patience = 20_000;
const restart = 60_000;

/** Kyso in a directory of its own, as `kyso serve` runs it, ready to be killed. */
export async function startHarness(options: HarnessOptions): Promise<Harness> {
  const { directory, random, shim } = options;
  const made = await initSandbox(join(directory, 'd'), { port: await freePort(), store: options.store });
  const config = amended(made, shim.module);
  const control = arming(join(directory, 'control'));
  const nodeOptions = [...control.nodeOptions, ...(options.nodeOptions ?? [])];
  const baseUrl = `http://127.0.0.1:${config.http.port}`;
  const world: World = {
    ...{ config, client: client(baseUrl) },
    history: { issued: [], activated: [], authorized: [], released: [], wrong: [] },
  };
  let supervisor = startServe(config, nodeOptions);
  await untilReady(baseUrl, restart);

  /** Power off: nobody gets to say good-bye. */
  async function killGroup(): Promise<void> {
    const exited = once(supervisor, 'exit');
    const below = descendants(supervisor.pid!);
    supervisor.kill('SIGKILL');
    for (const { pid } of below) kill(pid);
    await exited;
    supervisor = startServe(config, nodeOptions);
  }

  async function round(armed: Armed): Promise<string> {
    control.arm(armed);
    const end = performance.now() + patience;
    while (!control.hasFired(armed.round) && performance.now() < end) await delay(10);
    const fired = control.hasFired(armed.round);
    control.disarm();
    const what = `${armed.process} ${armed.point} (${armed.how})`;
    if (!fired) return `not reached: ${what}; instead ${await killAtRandom()}`;
    if (armed.how === 'group') await killGroup();
    return what;
  }

  async function killAtRandom(): Promise<string> {
    await delay(random.below(150));
    const { crashStore } = options;
    if (crashStore && random.once(3)) return crashStore().then(() => 'PostgreSQL');
    if (random.once(5)) return killGroup().then(() => 'everything');
    const victims = descendants(supervisor.pid!).filter(({ title }) => !title.startsWith('kyso catcher'));
    if (victims.length === 0) return 'nothing';
    const victim = random.pick(victims);
    kill(victim.pid);
    return /worker\.ts/.test(victim.title) ? 'a token worker' : victim.title;
  }

  async function untilReleased(releases: number): Promise<void> {
    const end = performance.now() + restart;
    while (world.history.released.length < releases && performance.now() < end) await delay(50);
  }

  return {
    config,
    world,
    supervisor: () => supervisor,
    async run(rounds, releases, onRound = () => {}) {
      const load = startLoad(world, random, 3);
      const reached = new Set<string>();
      for (const armed of plan(rounds, random)) {
        const what = armed ? await round(armed) : `at random: ${await killAtRandom()}`;
        if (armed && control.hasFired(armed.round)) reached.add(`${armed.process} ${armed.point}`);
        await untilReady(baseUrl, restart);
        onRound(what);
      }
      await untilReleased(releases);
      await load.stop();
      await untilAtRest(config);
      const ended = once(supervisor, 'exit');
      supervisor.kill('SIGTERM');
      await ended;
      const stores = await collectStores(config);
      const facts = { history: world.history, token: subscriberSignatures(shim.calls(), 32), ...stores };
      return { facts, reached, failures: load.failures };
    },
  };
}

/** One worker for the token, which starts sooner, and every request from an address of its own. */
function amended({ directory }: Config, module: string): Config {
  const file = pathsOf({ directory }).config;
  const content: ConfigFile = JSON.parse(readFileSync(file, 'utf8'));
  content.pkcs11 = { module, workers: 1 };
  content.http.trustedProxies = ['127.0.0.1'];
  writeFileSync(file, JSON.stringify(content));
  return readConfig(directory);
}

/** Random moments in this share of the rounds; the others go through the failpoints in an order of their own. */
const atRandom = 4;

function plan(rounds: number, random: Random): (Armed | undefined)[] {
  const places = Object.entries(failpoints).flatMap(([process, points]) =>
    points.map((point) => ({ process: process as ProcessName, point, order: random.below(1e9) })),
  );
  places.sort((a, b) => a.order - b.order);
  let next = 0;
  return Array.from({ length: rounds }, (_, round) => {
    if (round % atRandom === atRandom - 1) return undefined;
    const { process, point } = places[next++ % places.length]!;
    // A commit may be anybody's; of the other places the first is as good as any.
    const nth = 1 + random.below(point.startsWith('store.') ? 12 : 2);
    const how = random.once(6) ? 'group' : process === 'signer' && random.once(6) ? 'worker' : 'process';
    return { round, process, point, nth, how };
  });
}

/** What was begun is carried on by itself: until ca has nothing unfinished, and every leaf has its position. */
async function untilAtRest(config: Config): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { ca, signer } = await collectStores(config);
    const unfinished = ca.lines.some(({ status }) => status !== 'active');
    const unplaced = [...ca.leaves, ...signer.leaves].some(({ position }) => position === null);
    if (!unfinished && !unplaced) return;
    await delay(200);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself
  }
}
