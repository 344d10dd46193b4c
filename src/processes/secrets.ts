import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf } from '../config.ts';
import { type Boot, type SecretName, secretFiles } from './boot.ts';
import type { ProcessName } from './users.ts';

/** Secrets that a process can do without: what they are for was not configured. */
const optional: readonly SecretName[] = ['smtp-password', 'sms-token', 'tls-key'];

/**
 * The secrets of a process, from the files of this installation that only the supervisor's user reads.
 * @throws KysoError configuration — one that it needs cannot be read
 */
export function readSecrets(config: Config, name: ProcessName): Boot['secrets'] {
  const secrets: Boot['secrets'] = {};
  for (const secret of secretFiles[name]) {
    const file = secretFile(config, name, secret);
    try {
      const content = readFileSync(file);
      secrets[secret] = secret === 'token-pin' ? trimmed(content) : content;
    } catch (cause) {
      const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
      const needed = !optional.includes(secret) || (secret === 'tls-key' && config.http.tls !== undefined);
      if (missing && !needed) continue;
      throw new KysoError('configuration', `the secret ${secret} of ${name} cannot be read: ${file}`, { cause });
    }
  }
  return secrets;
}

/**
 * The PIN of a token, from its file; a line feed at the end, as editors leave it, does not count.
 * @throws KysoError configuration — it cannot be read
 */
export function readPin(config: Config, owner: 'signer' | 'ca'): Buffer {
  const file = secretFile(config, owner, 'token-pin');
  try {
    return trimmed(readFileSync(file));
  } catch (cause) {
    throw new KysoError('configuration', `the PIN of the token of ${owner} cannot be read: ${file}`, { cause });
  }
}

/** Without a line feed at the end. */
function trimmed(pin: Buffer): Buffer {
  return Buffer.from(pin.toString('latin1').replace(/\r?\n$/, ''), 'latin1');
}

/** Tokens' PINs are one file each; the TLS key lies where the configuration says. */
function secretFile(config: Config, name: ProcessName, secret: SecretName): string {
  const { secrets } = pathsOf(config);
  if (secret === 'tls-key' && config.http.tls) return resolve(config.directory, config.http.tls.key);
  return join(secrets, secret === 'token-pin' ? `${name}.pin` : secret);
}
