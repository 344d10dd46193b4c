import { parseArgs } from 'node:util';
import { type Config, readConfig } from '../config.ts';
import { defaultDirectory, readPort } from './options.ts';

/** The part of the supervisor that commands use. */
export type Supervise = (config: Config) => {
  tier: string;
  ready: Promise<void>;
  ended: Promise<string | undefined>;
  stop(): Promise<void>;
};

/** `kyso serve`: runs until SIGINT or SIGTERM. Exit code 78 when a process cannot start and a restart would not help. */
export async function serve(args: string[], supervise: Supervise): Promise<number> {
  const { values } = parseArgs({ args, options: { dir: { type: 'string' }, port: { type: 'string' } } });
  const config = withPort(readConfig(values.dir ?? defaultDirectory), readPort(values.port));
  const supervisor = supervise(config);
  stopOnSignal(supervisor);
  const started = await Promise.race([supervisor.ready.then(() => true), supervisor.ended.then(() => false)]).catch(
    () => false,
  );
  if (started) process.stdout.write(`Kyso serves on port ${config.http.port} (tier: ${supervisor.tier}).\n`);
  return (await supervisor.ended) === undefined ? 0 : 78;
}

export function withPort(config: Config, port: number | undefined): Config {
  return port === undefined ? config : Object.freeze({ ...config, http: { ...config.http, port } });
}

/** The first signal stops everything in order; the terminal has sent it to the children, too, who wait for us. */
export function stopOnSignal(supervisor: { stop(): Promise<void> }): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void supervisor.stop());
}
