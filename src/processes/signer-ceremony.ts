import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beginEpoch } from '../activation/begin-epoch.ts';
import { tokenLabels } from '../activation/context.ts';
import { initialiseSignerStore } from '../activation/initialise.ts';
import { systemClock } from '../base/clock.ts';
import { type Config, hasCatcher, pathsOf } from '../config.ts';
import type { Share } from '../crypto/shares.ts';
import type { Backup } from '../hsm/backup-file.ts';
import type { ResidentKeySpec } from '../hsm/protocol.ts';
import { signerDomain } from '../store/signer/tables.ts';
import { assertCustody, type Custody, sandboxCustody } from './custody.ts';
import { makeToken, newSecret, writePublic } from './made.ts';
import { openDomain } from './stores.ts';
import { assertNoToken, beginBackup, fillToken, restoreToken } from './token-backup.ts';
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
export async function initSigner(
  config: Config,
  custody: Custody | 'none' = sandboxCustody(config, 'signer'),
): Promise<void> {
  assertCustody(config, custody);
  const { tier } = tierFor(config.directory);
  const paths = pathsOf(config);
  assertNoToken(config, 'signer');
  const begun = custody === 'none' ? undefined : (await beginBackup('signer', custody)).backup;
  let backup: Backup | undefined;
  const token = await makeToken(config, 'signer', tier, async (access) => {
    backup = await fillToken(access, signerKeys, begun);
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

/**
 * `kyso signer restore`: the keys of a backup in a fresh token, for a store that was restored beside it; a new epoch
 * begins (S69).
 * @throws KysoError configuration — a token is there; the shares do not open this backup; the store is none of its keys'
 */
export async function restoreSigner(config: Config, backup: Backup, shares: Share[]): Promise<void> {
  const { tier } = tierFor(config.directory);
  const paths = pathsOf(config);
  const token = await restoreToken(config, 'signer', tier, { backup, shares });
  rmSync(paths.watermark, { force: true });
  const store = await openDomain(config, signerDomain);
  try {
    const { attestationKey } = await beginEpoch({ store, token, clock: systemClock, why: 'restored from a backup' });
    writePublic(paths.attestationKey, attestationKey);
  } finally {
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
