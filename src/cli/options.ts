import { join } from 'node:path';
import { KysoError } from '../base/errors.ts';

/** Where an installation lies when --dir does not say: KYSO_DIR, or else var/demo in the checkout. */
export const defaultDirectory = process.env.KYSO_DIR ?? join(import.meta.dirname, '..', '..', 'var', 'demo');

export const defaultPort = 8700;

/** @throws KysoError configuration — not a TCP port */
export function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw new KysoError('configuration', `--port ${text} is not a port (1–65535)`);
  return port;
}
