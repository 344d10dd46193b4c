import { closeSync, fstatSync, openSync, readSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** How much of the call log's end is read: every worker that signs is in it. */
const tail = 1_000_000;

/**
 * The sessions that token workers have open, from the end of the shim's call log (its lines say so), which is emptied
 * after each look, since full load writes megabytes a second.
 */
export function shimSessions(module: string): { read(living: number[]): number[] } {
  const file = join(dirname(module), 'calls');
  const open = new Map<number, number>();
  return {
    read(living) {
      for (const line of endOf(file).split('\n').slice(1)) {
        const [, pid, count] = /^(\d+) .* open=(\d+)/.exec(line) ?? [];
        if (pid) open.set(Number(pid), Number(count));
      }
      truncateSync(file);
      return living.flatMap((pid) => open.get(pid) ?? []);
    },
  };
}

function endOf(file: string): string {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const bytes = Buffer.alloc(Math.min(size, tail));
    readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('latin1');
  } finally {
    closeSync(descriptor);
  }
}
