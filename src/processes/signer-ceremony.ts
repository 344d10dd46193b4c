import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Backup, backedUp, backupKeyOf } from '../activation/backup.ts';
import { beginEpoch } from '../activation/begin-epoch.ts';
import { tokenLabels } from '../activation/context.ts';
import { initialiseSignerStore } from '../activation/initialise.ts';
import { wipe } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { KysoError, kindOf } from '../base/errors.ts';
import { type Config, hasCatcher, pathsOf, tokenOf } from '../config.ts';
import { newBoxKeyPair } from '../crypto/hpke.ts';
import { joinShares, type Share, splitSecret } from '../crypto/shares.ts';
import { createResidentKeys, restoreResidentKeys } from '../hsm/init.ts';
import type { ResidentKeySpec } from '../hsm/protocol.ts';
import { signerDomain } from '../store/signer/tables.ts';
import { assertCustody, type Custody, sandboxCustody } from './custody.ts';
import { makeToken, newSecret, type TokenAccess, writePublic } from './made.ts';
import { readPin } from './secrets.ts';
import { openDomain } from './stores.ts';
import { handOver, ownDirectory, tierFor } from './users.ts';

const signerKeys: ResidentKeySpec[] = [
  { label: tokenLabels.kek, kind: 'AES-256-KEK' },
  { label: tokenLabels.pepper, kind: 'HMAC-SHA256' },
  { label: tokenLabels.rowMac, kind: 'HMAC-SHA256' },
  { label: tokenLabels.seeds, kind: 'HMAC-SHA256' },
  { label: tokenLabels.attestation, kind: 'EC-P256' },
];

/**
 * `kyso signer init`: the signer's token with its long-lived keys, their backup, and its store; the places and secrets
 * of the processes that have no step of their own. Writes signer's attestation key for ca. The custodians have their
 * shares before anything is made: a ceremony that one of them leaves has made nothing.
 * @param custody `none`: no backup; a lost token then loses every key
 */
export async function initSigner(config: Config, custody: Custody | 'none' = sandboxCustody(config)): Promise<void> {
  assertCustody(config, custody);
  const { tier } = tierFor(config.directory);
  const paths = pathsOf(config);
  if (existsSync(paths.token('signer')))
    throw new KysoError('configuration', `${paths.token('signer')} is there already: was this step already done?`);
  if (!tokenOf(config, 'signer').own) readPin(config, 'signer'); // or it would be missed after the shares are out
  const begun = custody === 'none' ? undefined : await beginBackup(custody);
  let backup: Backup | undefined;
  const token = await makeToken(config, 'signer', tier, async (access) => {
    backup = await fill(access, begun);
  });
  const store = await openDomain(config, signerDomain);
  try {
    writePublic(paths.attestationKey, await initialiseSignerStore(store, token, backup));
  } finally {
    await token.stop();
    await store.close();
  }
  if (backup) writePublic(paths.backup, JSON.stringify(backup));
  finish(config);
}

async function beginBackup({ shares, threshold, deliver }: Custody): Promise<Backup> {
  const pair = await newBoxKeyPair();
  const ceremony = randomBytes(8).toString('hex');
  const split = splitSecret(pair.privateKey, ceremony, shares, threshold);
  wipe(pair.privateKey);
  try {
    for (const share of split) await deliver(share);
  } finally {
    wipe(...split.map(({ value }) => value));
  }
  const [publicKey, createdAt] = [pair.publicKey.toString('base64'), systemClock.now()];
  return { is: 'kyso signer backup', ceremony, publicKey, shares, threshold, createdAt, secrets: [] };
}

async function fill(access: TokenAccess, backup: Backup | undefined): Promise<Backup | undefined> {
  const made = await createResidentKeys({
    ...access,
    keys: signerKeys,
    ...(backup && { backup: backupKeyOf(backup) }),
  });
  return backup && { ...backup, secrets: made.flatMap((key) => (key.sealed ? [backedUp(key, key.sealed)] : [])) };
}

/**
 * `kyso signer restore`: the keys of a backup in a fresh token, for a store that was restored beside it; a new epoch
 * begins (S69). What was there of an older token's PINs goes.
 * @throws KysoError configuration — a token is there; the shares do not open this backup; the store is none of its keys'
 */
export async function restoreSigner(config: Config, backup: Backup, shares: Share[]): Promise<void> {
  const { tier } = tierFor(config.directory);
  const paths = pathsOf(config);
  if (existsSync(paths.token('signer')))
    throw new KysoError('configuration', `${paths.token('signer')} is there: a token is restored into an empty place`);
  if (shares.some(({ ceremony }) => ceremony !== backup.ceremony))
    throw new KysoError('configuration', 'these shares are of another ceremony than this backup');
  const privateKey = joinShares(shares);
  rmSync(paths.watermark, { force: true });
  // A token that Kyso does not make keeps its PIN.
  if (tokenOf(config, 'signer').own)
    for (const name of ['signer.pin', 'signer.so-pin']) rmSync(join(paths.secrets, name), { force: true });
  const keys = backup.secrets.map(({ sealed, ...spec }) => ({ ...spec, sealed: Buffer.from(sealed, 'base64') }));
  const token = await makeToken(config, 'signer', tier, (access) =>
    restoreResidentKeys({ ...access, keys, backup: { ceremony: backup.ceremony, privateKey } }),
  ).catch((cause: unknown) => {
    rmSync(paths.token('signer'), { recursive: true, force: true });
    if (kindOf(cause) !== 'integrity') throw cause;
    throw new KysoError('configuration', 'these shares do not open this backup: one of them is not of it', { cause });
  });
  const store = await openDomain(config, signerDomain);
  try {
    const { attestationKey } = await beginEpoch({ store, token, clock: systemClock, why: 'restored from a backup' });
    writePublic(paths.attestationKey, attestationKey);
  } finally {
    wipe(privateKey);
    await token.stop();
    await store.close();
  }
  writePublic(paths.backup, JSON.stringify(backup));
  finish(config);
}

/** The places and secrets of the processes that have no step of their own; what is there stays. */
function finish(config: Config): void {
  const { tier } = tierFor(config.directory);
  const paths = pathsOf(config);
  handOver(paths.own('signer'), 'signer', tier);
  ownDirectory(paths.own('api'), 'api', tier);
  ownDirectory(paths.own('notify'), 'notify', tier);
  const secrets = ['outbox-key'];
  if (hasCatcher(config)) {
    ownDirectory(paths.own('catcher'), 'catcher', tier);
    secrets.push('catcher-key');
  }
  for (const name of secrets) if (!existsSync(join(paths.secrets, name))) newSecret(join(paths.secrets, name));
}
