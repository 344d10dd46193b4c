import { existsSync, readFileSync, rmSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { pemOf } from '../ca/authorities.ts';
import { readBackup } from '../ca/backup.ts';
import { residentKey } from '../ca/ca-token.ts';
import { type CeremonyResult, enrolAttestationKey } from '../ca/ceremony.ts';
import { openRows } from '../ca/context.ts';
import { tokenLabels } from '../ca/kinds.ts';
import { assertTokenOfStore } from '../ca/own-token.ts';
import { type Config, pathsOf } from '../config.ts';
import { type CaStore, caDomain } from '../store/ca/tables.ts';
import { authoritiesUnsealed } from '../store/ca/unsealed.ts';
import { openLog } from '../store/log.ts';
import { writePublic } from './made.ts';
import { readPin } from './secrets.ts';
import { openDomain } from './stores.ts';
import { discardToken } from './token-backup.ts';
import { openToken } from './tokens.ts';
import { handOver, tierFor } from './users.ts';

/**
 * Ends a ceremony that broke off after its authority was recorded: what others enrol is written again. The root's
 * certificate is written last, so where it is there is nothing to end.
 * @returns whether there was such a ceremony
 * @throws KysoError configuration — the token is not there, or is another one
 */
export async function finishCeremony(config: Config): Promise<boolean> {
  const paths = pathsOf(config);
  if (!existsSync(paths.own('ca')) || existsSync(paths.rootCertificate)) return false;
  const store = await openDomain(config, caDomain);
  try {
    if ((await authoritiesUnsealed(store.read)).length === 0) return false;
    const token = await openToken(config, 'ca', readPin(config, 'ca'));
    try {
      const parts = { store, token, clock: systemClock };
      await assertTokenOfStore(store, token, systemClock);
      await enrolAttestationKey(parts, readFileSync(paths.attestationKey));
      const backup = await readBackup(await openRows(store, token), store.read);
      if (backup) writePublic(paths.caBackup, JSON.stringify(backup));
      await publish(config, store, (await residentKey(token, tokenLabels.feed)).spki);
    } finally {
      await token.stop();
    }
  } finally {
    await store.close();
  }
  return true;
}

/** What signers enrol and what everybody trusts, from the store as it is; ca's own files become ca's. */
export async function publish(config: Config, store: CaStore, feedKey: Buffer): Promise<void> {
  const paths = pathsOf(config);
  writePublic(paths.feedKey, feedKey);
  handOver(paths.own('ca'), 'ca', tierFor(config.directory).tier);
  writePublic(paths.rootCertificate, pemOf(await authoritiesUnsealed(store.read), 'root'));
}

/**
 * Takes away what a ceremony made that does not count. `made`: what it was about to record.
 * @returns whether it was taken away: not where the store has it, or cannot be asked
 */
export async function discardCeremony(config: Config, made: CeremonyResult | undefined): Promise<boolean> {
  if (made && (await mayCount(config, made))) return false;
  discardToken(config, 'ca');
  const { caRecord, caBackup } = pathsOf(config);
  if (made) for (const file of [caRecord(''), caBackup]) rmSync(file, { force: true });
  return true;
}

async function mayCount(config: Config, { authorities }: CeremonyResult): Promise<boolean> {
  try {
    const store = await openDomain(config, caDomain);
    try {
      return await store.write(async (tx) => {
        // Waits for a transaction whose connection was lost while it committed.
        await openLog(tx);
        const recorded = await authoritiesUnsealed(tx);
        return recorded.some((one) => authorities.some(({ certificate }) => certificate.equals(one.certificate)));
      });
    } finally {
      await store.close();
    }
  } catch {
    return true;
  }
}
