import { sha256 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { PkiUrls } from '../base/pki-urls.ts';
import type { Backup } from '../hsm/backup-file.ts';
import { openFeedHead } from '../store/ca/feed-head.ts';
import type { CaStore, CaTx } from '../store/ca/tables.ts';
import { authoritiesUnsealed } from '../store/ca/unsealed.ts';
import { openLog } from '../store/log.ts';
import { type CaToken, residentKey } from './ca-token.ts';
import { type Authority, openRows, record, settingNames } from './context.ts';
import { authorityId, authorityKinds, kinds, labelOf, tokenLabels } from './kinds.ts';
import { type AuthorityNames, enterAuthority, makeAuthority, type NewAuthority } from './make-authority.ts';

export type CeremonyOptions = {
  store: CaStore;
  token: CaToken;
  clock: Clock;
  names: AuthorityNames;
  urls: PkiUrls;
  /** The signer's (SPKI, DER), enrolled with the authority; without it by `enrolAttestationKey`. */
  attestationKey?: Buffer;
  /** Kept with the store, so that what a rollover makes is added to it. */
  backup?: Backup;
  /**
   * Shown what was made, before it counts. Answers the record of the ceremony, whose hash goes into the log, and throws
   * where somebody does not confirm it.
   */
  witness?(made: CeremonyResult): Promise<string>;
};

/** What was made, each behind its issuer, and the public key that every signer must enrol (SPKI, DER). */
export type CeremonyResult = { authorities: NewAuthority[]; feedKey: Buffer };

/**
 * `kyso ca init`: with the resident keys already in the token, makes the certificates of all authorities and records
 * them in one transaction. What was begun and not recorded leaves nothing, so it can be run again until it is done.
 * @throws KysoError configuration — the store already has an authority; it is never replaced
 * @throws KysoError nameRefused, lintRefused — a name cannot stand in a certificate
 */
export async function initAuthority(options: CeremonyOptions): Promise<CeremonyResult> {
  const { store, token, clock, names, backup, attestationKey } = options;
  // Asked without a MAC: the token may be another one than this store's.
  if ((await authoritiesUnsealed(store.read)).length > 0) throw alreadyThere();
  const rows = await openRows(store, token);
  const feedKey = await residentKey(token, tokenLabels.feed);
  const authorities = await makeAll(options);
  const made = { authorities, feedKey: feedKey.spki };
  const text = await options.witness?.(made);

  const epoch = newId();
  await store.write(async (tx) => {
    // The head row makes a second ceremony at the same time wait for this one.
    await openLog(tx);
    await openFeedHead(tx);
    if (await rows.settings.find(tx, { name: settingNames.epoch })) throw alreadyThere();
    for (const authority of authorities) await enterAuthority({ rows, urls: options.urls }, tx, authority);
    await rows.settings.insert(tx, { name: settingNames.names, value: JSON.stringify(names) });
    await rows.settings.insert(tx, { name: settingNames.epoch, value: epoch });
    if (backup) await rows.settings.insert(tx, { name: settingNames.backup, value: JSON.stringify(backup) });
    await record({ clock, epoch }, tx, {
      event: 'authority.created',
      result: 'done',
      detail: {
        ...Object.fromEntries(authorities.map(({ id, certificate }) => [id, sha256(certificate).toString('hex')])),
        feedKey: sha256(feedKey.spki).toString('hex'),
        ...(text !== undefined && { record: sha256(text).toString('hex') }),
      },
    });
    if (attestationKey) await enrol({ rows, clock }, tx, attestationKey);
  });
  return made;
}

/** The first authority of each kind, one after the other, since each is signed by one before it. */
async function makeAll({ token, clock, names, urls }: CeremonyOptions): Promise<NewAuthority[]> {
  const made = new Map<string, NewAuthority & { key: Awaited<ReturnType<typeof residentKey>> }>();
  for (const kind of authorityKinds) {
    const key = await residentKey(token, labelOf(authorityId(kind, 1)));
    const issuer = made.get(kinds[kind].issuer);
    const order = { kind, number: 1, key, names, urls, now: clock.now(), ...(issuer && { issuer }) };
    made.set(kind, { ...(await makeAuthority(order)), key });
  }
  return [...made.values()].map(({ key, ...authority }) => authority);
}

/**
 * Enrols the key with which the signer attests what its token made (SPKI, DER). The same key again changes nothing.
 * @throws KysoError configuration — another key is enrolled
 */
export async function enrolAttestationKey(
  options: Pick<CeremonyOptions, 'store' | 'token' | 'clock'>,
  spki: Buffer,
): Promise<void> {
  const { store, token, clock } = options;
  const rows = await openRows(store, token);
  await store.write((tx) => enrol({ rows, clock }, tx, spki));
}

async function enrol({ rows, clock }: Pick<Authority, 'rows' | 'clock'>, tx: CaTx, spki: Buffer): Promise<void> {
  const value = spki.toString('base64');
  const known = await rows.settings.find(tx, { name: settingNames.attestationKey });
  if (known?.value === value) return;
  if (known) throw new KysoError('configuration', 'another attestation key is enrolled: this is not its signer');
  const epoch = await rows.settings.find(tx, { name: settingNames.epoch });
  if (!epoch) throw new KysoError('configuration', 'run "kyso ca init" first');
  await rows.settings.insert(tx, { name: settingNames.attestationKey, value });
  const detail = { attestationKey: sha256(spki).toString('hex') };
  await record({ clock, epoch: epoch.value }, tx, { event: 'attestationKey.enrolled', result: 'done', detail });
}

function alreadyThere(): KysoError {
  return new KysoError('configuration', 'this store already has a certification authority; it is never replaced');
}
