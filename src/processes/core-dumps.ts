import { spawnSync } from 'node:child_process';
import { log } from './log.ts';

/**
 * No core dump of this process, nor of those that it will start: it would hold PINs and keys (design §8). Node cannot
 * call setrlimit(2), so prlimit(1) of util-linux lowers the limit from outside.
 */
export function forbidCoreDumps(): void {
  const { status, error } = spawnSync('prlimit', [`--pid=${process.pid}`, '--core=0:0']);
  if (status !== 0) log('core dumps could not be switched off', { error });
}
