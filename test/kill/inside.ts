/**
 * What the kill harness loads before everything else in each of Kyso's processes (`node --import=…/inside.ts?control=DIR`):
 * the process that reaches the armed failpoint dies there. It also makes the work around a kill short, so that a round
 * takes about a second: Argon2id costs the least that it can, and the supervisor thinks well of a process sooner.
 */
import crypto from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import { enableCompileCache, flushCompileCache, syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { setFailpoints } from '../../src/base/failpoint.ts';
import { descendants } from '../helpers/processes.ts';
import type { Armed } from './arming.ts';

const control = new URL(import.meta.url).searchParams.get('control');
if (!control) throw new Error('inside.ts?control=DIR: where the harness and the processes meet');
const [, , name] = process.argv;

// Each process has a user of its own, who finds here what the last of its kind compiled.
enableCompileCache(join(control, `compiled-${process.getuid?.()}`));
setTimeout(flushCompileCache, 1_000).unref();

const reached = { round: -1, times: 0 };

setFailpoints((point) => {
  const armed = readArmed();
  if (!armed || armed.process !== name || armed.point !== point) return;
  if (reached.round !== armed.round) Object.assign(reached, { round: armed.round, times: 0 });
  reached.times += 1;
  if (reached.times < armed.nth || !claim(armed)) return;
  if (armed.how === 'worker') {
    // The worker dies while it does what this process asks of it next, or has just asked.
    const worker = descendants(process.pid)[0];
    if (worker) process.kill(worker.pid, 'SIGKILL');
  } else {
    // One that stops here waits for the harness, which then kills the whole group.
    process.kill(process.pid, armed.how === 'group' ? 'SIGSTOP' : 'SIGKILL');
  }
});

function readArmed(): Armed | undefined {
  try {
    return JSON.parse(readFileSync(join(control!, 'armed'), 'utf8'));
  } catch {
    return undefined; // nothing is armed
  }
}

/** One process of all, once. */
function claim({ round }: Armed): boolean {
  try {
    renameSync(join(control!, 'armed'), join(control!, `fired-${round}`));
    return true;
  } catch {
    return false;
  }
}

const { argon2 } = crypto;
crypto.argon2 = (algorithm, parameters, callback) =>
  argon2(algorithm, { ...parameters, memory: 8, passes: 1 }, callback);
syncBuiltinESMExports();

if (name === 'serve') {
  const now = performance.now.bind(performance);
  performance.now = () => now() * 40;
}
