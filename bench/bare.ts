import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createResidentKeys, initialiseSoftHsmToken } from '../src/hsm/init.ts';
import type { BareResult, BareTask } from './bare-loop.ts';

/** The bare loop in several processes at once, on one token of its own. */
export type Bare = { run(task: BareTask): Promise<Rate>; stop(): void };

/** Signatures per second, and CPU in microseconds for each. */
export type Rate = { perSecond: number; cpuEach: number };

export async function startBare(directory: string, module: string, processes: number): Promise<Bare> {
  const label = 'kyso-bare';
  const pin = () => Buffer.from('pin-of-the-bare-loop');
  const token = { module, label, tokenDirectory: join(directory, 'bare') };
  const environment = await initialiseSoftHsmToken({ ...token, pin: pin(), soPin: Buffer.from('so-pin-of-the-loop') });
  await createResidentKeys({ module, label, environment, pin: pin(), keys: [{ label: 'kek', kind: 'AES-256-KEK' }] });
  const children: ChildProcess[] = [];
  for (let n = 0; n < processes; n += 1) {
    const entry = join(import.meta.dirname, 'bare-loop.ts');
    const child = fork(entry, { env: environment, execArgv: [], serialization: 'advanced' });
    child.send({ module, label, pin: pin(), kek: 'kek' });
    await once(child, 'message'); // one login after another, as SoftHSM wants it
    children.push(child);
  }
  return {
    async run(task) {
      const results = await Promise.all(
        children.map(async (child) => {
          child.send(task);
          const [result] = (await once(child, 'message')) as [BareResult];
          return result;
        }),
      );
      const count = results.reduce((sum, one) => sum + one.count, 0);
      return {
        perSecond: results.reduce((sum, one) => sum + (1000 * one.count) / one.elapsed, 0),
        cpuEach: results.reduce((sum, one) => sum + one.cpu, 0) / count,
      };
    },
    stop: () => {
      for (const child of children) child.disconnect();
    },
  };
}
