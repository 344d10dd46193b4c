import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory with a short path (unix sockets allow 107 bytes), removed at the end of the test. */
export function shortDirectory(t: { teardown(handler: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'kyso-'));
  // Passable for the users of the processes, which the supervisor drops to when the tests run as root.
  chmodSync(directory, 0o711);
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
