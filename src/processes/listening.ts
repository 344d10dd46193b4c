import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { KysoError } from '../base/errors.ts';
import { publicUrlOf } from '../base/public-url.ts';
import type { Config } from '../config.ts';
import { isLoopback } from '../http/networks.ts';
import { assertUsable, type Tls } from '../http/tls.ts';
import type { Boot } from './boot.ts';

/** How clients reach api: under which URL, and over TLS of its own or not. */
export type Listening = { publicUrl: string; tls?: Tls };

/**
 * What the configuration says of it, checked. The certificate and its key are read at the start only: the key comes from
 * the supervisor's user, so whoever renews them ends the process, which starts again with the new ones.
 * @throws KysoError configuration — plain HTTP where others can listen, no address for clients, or an unusable certificate
 */
export function listening(boot: Boot, now: number): Listening {
  const { http } = boot.config;
  const url = new URL(publicUrlOf(boot.config.http));
  if (!http.tls) {
    if (!isLocal(http.host) && http.trustedProxies.length === 0) {
      throw new KysoError(
        'configuration',
        `plain HTTP on ${http.host} would carry PINs in the clear: listen on 127.0.0.1, name a certificate in http.tls, or the TLS proxy in http.trustedProxies`,
      );
    }
    return { publicUrl: publicUrlOf(boot.config.http) };
  }
  if (url.protocol !== 'https:') {
    throw new KysoError('configuration', 'http.publicUrl begins with http: but http.tls is there: make it https:');
  }
  const tls = readTls(boot);
  const names = { certificate: certificateFile(boot.config), key: `the key of http.tls (${http.tls.key})` };
  assertUsable(tls, names, url.hostname.replace(/^\[|\]$/g, ''), now);
  return { publicUrl: publicUrlOf(boot.config.http), tls };
}

const isLocal = (host: string) => host === 'localhost' || isLoopback(host);

const certificateFile = ({ directory, http: { tls } }: Config) => resolve(directory, tls?.certificate ?? '');

function readTls({ config, secrets: { 'tls-key': key } }: Boot): Tls {
  if (!key) throw new KysoError('configuration', 'the secret tls-key is missing: http.tls does not work without it');
  const file = certificateFile(config);
  try {
    return { certificate: readFileSync(file, 'latin1'), key: Buffer.from(key) };
  } catch (cause) {
    throw new KysoError(
      'configuration',
      `${file} cannot be read: http.tls.certificate names a file that the user of api may read`,
      { cause },
    );
  }
}
