import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Process ids of the children of this process, which are token workers in these tests. */
export function workerPids(): number[] {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

/** Waits until `condition` holds; the test's own limit ends it when it never does. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(20);
}
