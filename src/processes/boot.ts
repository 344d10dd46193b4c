import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decodeBase64 } from '../base/base64.ts';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf, readConfig } from '../config.ts';
import type { Link } from '../ipc/contract.ts';
import { assertNotPlanted, type ProcessName, type Tier, tierAlone } from './users.ts';

/** Who calls whom; each pair has a key of its own, so api cannot speak to signer as ca. */
export const linkNames = [
  'api-signer',
  'ca-signer',
  'operator-signer',
  'api-ca',
  'operator-ca',
  'signer-notify',
  'operator-notify',
  'operator-api',
] as const;
export type LinkName = (typeof linkNames)[number];

/**
 * Secrets that processes get at their start, and the files they come from: below `secrets/`, or with these names in
 * CREDENTIALS_DIRECTORY. TLS keys may lie elsewhere, where the configuration says.
 */
export const secretFiles = {
  signer: ['token-pin'],
  ca: ['token-pin'],
  notify: ['outbox-key', 'smtp-password', 'sms-token'],
  catcher: ['catcher-key'],
  api: ['tls-key'],
} as const satisfies Record<ProcessName, readonly string[]>;
export type SecretName = (typeof secretFiles)[ProcessName][number];

/** What a process gets at its start, and never by argument or environment: who it may speak with, and its secrets. */
export type Boot = {
  config: Config;
  tier: Tier;
  links: Partial<Record<LinkName, Uint8Array>>;
  secrets: Partial<Record<SecretName, Uint8Array>>;
};

/** The links that a process takes part in, as caller or as called. */
export function linksOf(name: ProcessName): LinkName[] {
  return linkNames.filter((link) => link.split('-').includes(name));
}

export function linkKey(bootKey: Uint8Array, link: LinkName): Uint8Array {
  return createHmac('sha256', bootKey).update(`kyso link ${link}`).digest();
}

/** The keys with which callers of `server` prove themselves, by the name of the caller. */
export function keysFor(server: 'signer' | 'ca' | 'notify' | 'api', boot: Boot): Partial<Record<Link, Uint8Array>> {
  const entries = Object.entries(boot.links).map(([link, key]) => [link.split('-'), key] as const);
  return Object.fromEntries(
    entries.filter(([[, called]]) => called === server).map(([[caller], key]) => [caller, key]),
  );
}

/** @throws KysoError configuration — it was not given */
export function requireSecret(boot: Boot, name: SecretName): Buffer {
  const secret = boot.secrets[name];
  if (!secret) throw new KysoError('configuration', `the secret ${name} is missing`);
  return Buffer.from(secret);
}

export function requireLink(boot: Boot, link: LinkName): Uint8Array {
  const key = boot.links[link];
  if (!key) throw new KysoError('configuration', `the key of link ${link} is missing`);
  return key;
}

/** Waits for the supervisor's first message; a process that was started alone reads credential files instead. */
export async function receiveBoot(name: ProcessName, directory: string | undefined): Promise<Boot> {
  if (process.connected) return new Promise((resolve) => process.once('message', (boot: Boot) => resolve(boot)));
  return bootAlone(name, directory);
}

/**
 * From CREDENTIALS_DIRECTORY (systemd's LoadCredential=, or files mounted into a container): `link-NAME` (32 bytes,
 * base64) and the secrets of `secretFiles`. A line feed at their end does not count, and an empty secret is none.
 * @throws KysoError configuration — what it needs is missing or malformed
 */
export function bootAlone(name: ProcessName, directory: string | undefined): Boot {
  const credentials = process.env.CREDENTIALS_DIRECTORY;
  if (!credentials || !directory) {
    throw new KysoError(
      'configuration',
      `kyso ${name} alone needs --dir and CREDENTIALS_DIRECTORY; kyso serve starts everything`,
    );
  }
  const read = (file: string) => {
    const path = join(credentials, file);
    return existsSync(path) ? readFileSync(path, 'latin1').replace(/\r?\n$/, '') : undefined;
  };
  const links: Boot['links'] = {};
  for (const link of linksOf(name)) {
    const text = read(`link-${link}`);
    if (text === undefined) continue;
    const key = decodeBase64(text);
    if (key?.length !== 32) throw new KysoError('configuration', `link-${link} is not 32 bytes in base64`);
    links[link] = key;
  }
  const config = readConfig(directory);
  if (name !== 'catcher') assertNotPlanted(dirname(dirname(pathsOf(config).socket(name))));
  const secrets: Boot['secrets'] = {};
  for (const secret of secretFiles[name]) {
    const text = read(secret);
    if (text) secrets[secret] = Buffer.from(text, 'latin1');
  }
  return { config, tier: tierAlone(name, config.directory, config.store), links, secrets };
}
