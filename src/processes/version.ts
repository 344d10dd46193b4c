import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version of Kyso that runs, as its package says. */
export function kysoVersion(): string {
  const file = join(import.meta.dirname, '..', '..', 'package.json');
  return String(JSON.parse(readFileSync(file, 'utf8')).version);
}
