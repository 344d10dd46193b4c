import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KysoError } from '../base/errors.ts';
import { type Config, readConfig } from '../config.ts';
import type { Link } from '../ipc/contract.ts';
import type { ProcessName, Tier } from './users.ts';

/** Who calls whom; each pair has a key of its own, so api cannot speak to signer as ca. */
export const linkNames = ['api-signer', 'ca-signer', 'operator-signer', 'api-ca', 'operator-ca'] as const;
export type LinkName = (typeof linkNames)[number];

/** What a process gets at its start, and never by argument or environment: who it may speak with, and its token's PIN. */
export type Boot = { config: Config; tier: Tier; links: Partial<Record<LinkName, Uint8Array>>; tokenPin?: Uint8Array };

/** The links that a process takes part in, as caller or as called. */
export function linksOf(name: ProcessName): LinkName[] {
  return linkNames.filter((link) => link.split('-').includes(name));
}

export function linkKey(bootKey: Uint8Array, link: LinkName): Uint8Array {
  return createHmac('sha256', bootKey).update(`kyso link ${link}`).digest();
}

/** The keys with which callers of `server` prove themselves, by the name of the caller. */
export function keysFor(server: 'signer' | 'ca', boot: Boot): Partial<Record<Link, Uint8Array>> {
  const entries = Object.entries(boot.links).map(([link, key]) => [link.split('-'), key] as const);
  return Object.fromEntries(
    entries.filter(([[, called]]) => called === server).map(([[caller], key]) => [caller, key]),
  );
}

export function requireLink(boot: Boot, link: LinkName): Uint8Array {
  const key = boot.links[link];
  if (!key) throw new KysoError('configuration', `the key of link ${link} is missing`);
  return key;
}

/**
 * Waits for the supervisor's first message; a process that was started alone reads credential files instead (systemd's
 * LoadCredential=, or files mounted into a container): `link-NAME` (32 bytes, base64) and `token-pin`.
 */
export async function receiveBoot(name: ProcessName, directory: string | undefined): Promise<Boot> {
  if (process.connected) return new Promise((resolve) => process.once('message', (boot: Boot) => resolve(boot)));
  const credentials = process.env.CREDENTIALS_DIRECTORY;
  if (!credentials || !directory) {
    throw new KysoError(
      'configuration',
      `kyso ${name} alone needs --dir and CREDENTIALS_DIRECTORY; kyso serve starts everything`,
    );
  }
  const read = (file: string) => {
    const path = join(credentials, file);
    return existsSync(path) ? readFileSync(path) : undefined;
  };
  const links: Boot['links'] = {};
  for (const link of linksOf(name)) {
    const key = read(`link-${link}`);
    if (key) links[link] = Buffer.from(key.toString('ascii'), 'base64');
  }
  const tokenPin = read('token-pin');
  return { config: readConfig(directory), tier: 'production', links, ...(tokenPin && { tokenPin }) };
}
