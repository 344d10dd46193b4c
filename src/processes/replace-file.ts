import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes a file whole or not at all, also when power is lost in between. Only this user may read it. */
export function replaceFile(path: string, content: string): void {
  const next = `${path}.new`;
  writeFileSync(next, content, { mode: 0o600, flush: true });
  renameSync(next, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
