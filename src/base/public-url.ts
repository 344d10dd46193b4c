import { isIP } from 'node:net';
import { KysoError } from './errors.ts';

/** What of the configuration says where a server is reached. */
export type HttpPlace = { host: string; port: number; publicUrl?: string; tls?: unknown };

/**
 * Where clients reach the server: as configured, or its own address.
 * @throws KysoError configuration — it listens on all addresses, and none was named for clients
 */
export function publicUrlOf({ host, port, publicUrl, tls }: HttpPlace): string {
  if (publicUrl) return publicUrl;
  if (['0.0.0.0', '::'].includes(host)) {
    throw new KysoError('configuration', `http.publicUrl is missing: clients cannot reach ${host}, name what they can`);
  }
  return `${tls ? 'https' : 'http'}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
