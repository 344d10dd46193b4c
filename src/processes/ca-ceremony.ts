import { existsSync, readFileSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { type CeremonyResult, initAuthority } from '../ca/ceremony.ts';
import { ceremonyRecord } from '../ca/ceremony-record.ts';
import { residentKeys, tokenLabels } from '../ca/kinds.ts';
import type { AuthorityNames } from '../ca/make-authority.ts';
import { assertTwoPersons } from '../ca/two-persons.ts';
import { type Config, pathsOf, pkiUrls, tokenOf } from '../config.ts';
import type { Backup } from '../hsm/backup-file.ts';
import { describeToken } from '../hsm/init.ts';
import { caDomain } from '../store/ca/tables.ts';
import { assertCustody, type Custody, sandboxCustody } from './custody.ts';
import { discardCeremony, finishCeremony, publish } from './finish-ceremony.ts';
import { makeToken, writePublic } from './made.ts';
import { readPin } from './secrets.ts';
import { openDomain } from './stores.ts';
import { assertNoToken, beginBackup, fillToken } from './token-backup.ts';
import { tierFor } from './users.ts';
import { kysoVersion } from './version.ts';

/** How the ceremony is held. */
export type CaCeremony = {
  names: AuthorityNames;
  /** `none`: no backup; a lost token then ends the authority. */
  custody: Custody | 'none';
  /** Who is there: two, outside the sandbox. */
  persons: string[];
  /** Shows the persons the record of what was made, before it counts; throws where one of them does not confirm it. */
  confirm(record: string, made: CeremonyResult): Promise<void>;
};

const sandboxNames = { organisation: 'Kyso Sandbox', name: 'Kyso Sandbox' };
const alone = (config: Config): CaCeremony => ({
  ...{ names: sandboxNames, custody: sandboxCustody(config, 'ca'), persons: [], confirm: async () => {} },
});

/**
 * `kyso ca init`: ca's token, its authorities and their backup, the signer's attestation key enrolled, and the record of
 * it all beside what others enrol. What somebody did not confirm never counted: its token is taken away. One that broke
 * off after its authority was recorded is ended by the next run.
 * @throws KysoError configuration — signer has no key yet, ca has a token, too few persons or custodians
 */
export async function initCa(config: Config, given: Partial<CaCeremony> = {}): Promise<void> {
  const ceremony = { ...alone(config), ...given };
  assertCustody(config, ceremony.custody);
  assertTwoPersons(config.mode, ceremony.persons);
  const { tier } = tierFor(config.directory);
  const paths = pathsOf(config);
  if (!existsSync(paths.attestationKey))
    throw new KysoError('configuration', 'run kyso signer init first: ca enrols its attestation key');
  if (await finishCeremony(config)) return;
  assertNoToken(config, 'ca');
  const begun = ceremony.custody === 'none' ? undefined : await beginBackup('ca', ceremony.custody);
  let backup: Backup | undefined;
  let confirmed: CeremonyResult | undefined;
  try {
    const token = await makeToken(config, 'ca', tier, async (access) => {
      backup = await fillToken(access, residentKeys, begun?.backup);
    });
    const store = await openDomain(config, caDomain);
    const parts = { store, token, clock: systemClock };
    try {
      const { names } = ceremony;
      const custodians = begun?.custodians;
      const witness = async (made: CeremonyResult) => {
        const record = await recordOf(config, ceremony, made, { backup, custodians });
        await ceremony.confirm(record, made);
        confirmed = made;
        // Before it counts: nothing could make them again.
        writePublic(paths.caRecord(''), record);
        if (backup) writePublic(paths.caBackup, JSON.stringify(backup));
        return record;
      };
      const attestationKey = readFileSync(paths.attestationKey);
      const keys = { attestationKey, ...(backup && { backup }) };
      const made = await initAuthority({ ...parts, ...keys, names, urls: pkiUrls(config), witness });
      await publish(config, store, made.feedKey);
    } finally {
      await token.stop();
      await store.close();
    }
  } catch (error) {
    if (await discardCeremony(config, confirmed)) throw error;
    throw new KysoError(
      'configuration',
      'the ceremony broke off when its authority was, or may have been, recorded: its token stays; mend what the cause ' +
        'says and run "kyso ca init" again, which ends it',
      { cause: error },
    );
  }
}

async function recordOf(
  config: Config,
  { persons }: CaCeremony,
  made: CeremonyResult,
  { backup, custodians = [] }: { backup: Backup | undefined; custodians: string[] | undefined },
): Promise<string> {
  const custody = backup && { ceremony: backup.ceremony, threshold: backup.threshold, custodians };
  return ceremonyRecord({
    ...{ what: 'the ceremony of a certification authority', at: systemClock.now(), version: kysoVersion(), persons },
    token: await describeToken({ ...tokenOf(config, 'ca').token, pin: readPin(config, 'ca') }),
    ...(custody && { custody }),
    otherKeys: { [tokenLabels.feed]: made.feedKey },
    authorities: made.authorities,
  });
}
