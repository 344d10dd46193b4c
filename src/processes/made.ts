import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KysoError } from '../base/errors.ts';
import { type Config, pathsOf, tokenOf } from '../config.ts';
import { initialiseSoftHsmToken } from '../hsm/init.ts';
import type { Token } from '../hsm/pool.ts';
import { readPin } from './secrets.ts';
import { openToken } from './tokens.ts';
import { ownDirectory, type Tier } from './users.ts';

/** How a process gets into the token whose keys are made. The PIN is a copy of its own. */
export type TokenAccess = ReturnType<typeof tokenOf>['token'] & { pin: Buffer };

/**
 * A token with what `fill` makes in it. Kyso makes SoftHSM ones itself, with PINs of 192 random bits that are kept where
 * only the supervisor's user reads; a token that the configuration names exists already, and so does its PIN.
 * @throws KysoError configuration — the step was already done
 */
export async function makeToken(
  config: Config,
  owner: 'signer' | 'ca',
  tier: Tier,
  fill: (access: TokenAccess) => Promise<unknown>,
): Promise<Token> {
  const paths = pathsOf(config);
  ownDirectory(paths.own(owner), owner, tier);
  mkdirSync(paths.secrets, { recursive: true, mode: 0o700 });
  if (tokenOf(config, owner).own) {
    const pin = newSecret(join(paths.secrets, `${owner}.pin`));
    const soPin = newSecret(join(paths.secrets, `${owner}.so-pin`));
    const { module, label } = tokenOf(config, owner).token;
    await initialiseSoftHsmToken({ module, tokenDirectory: paths.token(owner), label, pin, soPin });
  }
  const pin = readPin(config, owner);
  await fill({ ...tokenOf(config, owner).token, pin: Buffer.from(pin) });
  return openToken(config, owner, pin);
}

/** @throws KysoError configuration — the file is there already */
export function newSecret(file: string): Buffer {
  const secret = Buffer.from(randomBytes(24).toString('base64url'));
  writeSecret(file, secret);
  return secret;
}

/** Writes what only this user may read. @throws KysoError configuration — the file is there already */
export function writeSecret(file: string, content: string | Buffer): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, content, { mode: 0o600, flag: 'wx', flush: true });
  } catch (cause) {
    throw new KysoError('configuration', `${file} cannot be made: was this step already done?`, { cause });
  }
}

export function writePublic(file: string, content: string | Buffer): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  writeFileSync(file, content, { mode: 0o644, flush: true });
  chmodSync(file, 0o644);
}
