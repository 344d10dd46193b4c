import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { wipe } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { KysoError, kindOf } from '../base/errors.ts';
import { type Config, pathsOf, tokenOf } from '../config.ts';
import { newBoxKeyPair } from '../crypto/hpke.ts';
import { joinShares, type Share, splitSecret } from '../crypto/shares.ts';
import { type Backup, backedUp, backupKeyOf, type TokenOwner } from '../hsm/backup-file.ts';
import { createResidentKeys, restoreResidentKeys } from '../hsm/init.ts';
import type { Token } from '../hsm/pool.ts';
import type { ResidentKeySpec } from '../hsm/protocol.ts';
import type { Custody } from './custody.ts';
import { makeToken, type TokenAccess } from './made.ts';
import { readPin } from './secrets.ts';
import type { Tier } from './users.ts';

/** A backup without secrets, whose custodians have their shares; their names, as far as they gave them. */
export async function beginBackup(
  owner: TokenOwner,
  { shares, threshold, deliver }: Custody,
): Promise<{ backup: Backup; custodians: string[] }> {
  const pair = await newBoxKeyPair();
  const ceremony = randomBytes(8).toString('hex');
  const split = splitSecret(pair.privateKey, ceremony, shares, threshold);
  wipe(pair.privateKey);
  const custodians: string[] = [];
  try {
    for (const share of split) custodians.push((await deliver(share)) ?? `share ${share.index} in a file`);
  } finally {
    wipe(...split.map(({ value }) => value));
  }
  const [publicKey, createdAt] = [pair.publicKey.toString('base64'), systemClock.now()];
  const is = `kyso ${owner} backup` as const;
  return { backup: { is, ceremony, publicKey, shares, threshold, createdAt, secrets: [] }, custodians };
}

/** Makes these keys in a token. Answers the backup with their secrets, if one was begun. */
export async function fillToken(
  access: TokenAccess,
  keys: ResidentKeySpec[],
  begun: Backup | undefined,
): Promise<Backup | undefined> {
  const made = await createResidentKeys({ ...access, keys, ...(begun && { backup: backupKeyOf(begun) }) });
  return begun && { ...begun, secrets: made.flatMap((key) => (key.sealed ? [backedUp(key, key.sealed)] : [])) };
}

/**
 * Before shares are handed out: nothing of this token is there yet, and the PIN of one that Kyso does not make is.
 * @throws KysoError configuration
 */
export function assertNoToken(config: Config, owner: TokenOwner): void {
  const place = pathsOf(config).token(owner);
  if (existsSync(place)) throw new KysoError('configuration', `${place} is there already: was this step already done?`);
  if (!tokenOf(config, owner).own) readPin(config, owner);
}

/** Takes away a token that Kyso has just made, with its PINs: what was begun in it never counted. */
export function discardToken(config: Config, owner: TokenOwner): void {
  const { secrets, token } = pathsOf(config);
  if (!tokenOf(config, owner).own) return; // a token that Kyso does not make keeps its PIN
  rmSync(token(owner), { recursive: true, force: true });
  for (const name of ['pin', 'so-pin']) rmSync(join(secrets, `${owner}.${name}`), { force: true });
}

/**
 * The keys of a backup in a fresh token. What was there of an older token's PINs goes.
 * @throws KysoError configuration — a token is there; the shares do not open this backup
 */
export async function restoreToken(
  config: Config,
  owner: TokenOwner,
  tier: Tier,
  { backup, shares }: { backup: Backup; shares: Share[] },
): Promise<Token> {
  const place = pathsOf(config).token(owner);
  if (existsSync(place))
    throw new KysoError('configuration', `${place} is there: a token is restored into an empty place`);
  if (shares.some(({ ceremony }) => ceremony !== backup.ceremony))
    throw new KysoError('configuration', 'these shares are of another ceremony than this backup');
  const privateKey = joinShares(shares);
  discardToken(config, owner);
  const keys = backup.secrets.map(({ sealed, ...spec }) => ({ ...spec, sealed: Buffer.from(sealed, 'base64') }));
  return makeToken(config, owner, tier, (access) =>
    restoreResidentKeys({ ...access, keys, backup: { ceremony: backup.ceremony, privateKey } }),
  )
    .catch((cause: unknown) => {
      rmSync(place, { recursive: true, force: true });
      if (kindOf(cause) !== 'integrity') throw cause;
      throw new KysoError('configuration', 'these shares do not open this backup: one of them is not of it', { cause });
    })
    .finally(() => wipe(privateKey));
}
