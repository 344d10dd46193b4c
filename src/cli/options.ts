import { join } from 'node:path';
import { KysoError } from '../base/errors.ts';

/** Where a sandbox lies when nobody says: var/demo in the checkout. */
export const defaultDirectory = join(import.meta.dirname, '..', '..', 'var', 'demo');

export const defaultPort = 8700;

/** @throws KysoError configuration — not a TCP port */
export function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw new KysoError('configuration', `--port ${text} is not a port (1–65535)`);
  return port;
}
