import { sha256 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { type CertificateDraft, newSerialNumber } from '../pki/certificate.ts';
import { lint, signLinted } from '../pki/lint.ts';
import type { Subject } from '../pki/names.ts';
import { profiles, validityOf } from '../pki/profiles.ts';
import { openFeedHead } from '../store/ca/feed-head.ts';
import type { CaStore } from '../store/ca/tables.ts';
import { openLog } from '../store/log.ts';
import { type CaToken, openRows, record, residentKey, settingNames, tokenLabels } from './context.ts';

export type CeremonyOptions = {
  store: CaStore;
  token: CaToken;
  clock: Clock;
  /** Names of the two authorities. */
  root: Subject;
  issuing: Subject;
};

/** DER certificates, and the public key that every signer must enrol (SPKI, DER). */
export type CeremonyResult = { root: Buffer; issuing: Buffer; feedKey: Buffer };

/**
 * `kyso ca init`: with the resident keys already in the token, makes the root and issuing certificates and records
 * them in one transaction. What was begun and not recorded leaves nothing, so it can be run again until it is done.
 * @throws KysoError configuration — the store already has an authority; it is never replaced
 * @throws KysoError nameRefused, lintRefused — a name cannot stand in a certificate
 */
export async function initAuthority(options: CeremonyOptions): Promise<CeremonyResult> {
  const { store, token, clock } = options;
  const rows = await openRows(store, token);
  if (await rows.settings.find(store.read, { name: settingNames.root })) throw alreadyThere();
  const [rootKey, issuingKey, feedKey] = await Promise.all(
    [tokenLabels.root, tokenLabels.issuing, tokenLabels.feed].map((label) => residentKey(token, label)),
  );
  if (!rootKey || !issuingKey || !feedKey) throw new KysoError('internal', 'a resident key is missing');

  const rootDraft = draftOf('root', options.root, rootKey.spki, clock.now());
  const root = await signLinted(await lint(rootDraft), rootKey.sign);
  const issuingDraft = { ...draftOf('issuing', options.issuing, issuingKey.spki, clock.now()), issuer: root };
  const issuing = await signLinted(await lint(issuingDraft), rootKey.sign);

  const epoch = newId();
  await store.write(async (tx) => {
    // The head row makes a second ceremony at the same time wait for this one.
    await openLog(tx);
    await openFeedHead(tx);
    if (await rows.settings.find(tx, { name: settingNames.root })) throw alreadyThere();
    await rows.settings.insert(tx, { name: settingNames.root, value: root.toString('base64') });
    await rows.settings.insert(tx, { name: settingNames.issuing, value: issuing.toString('base64') });
    await rows.settings.insert(tx, { name: settingNames.epoch, value: epoch });
    await record({ clock, epoch }, tx, {
      event: 'authority.created',
      result: 'done',
      detail: {
        root: sha256(root).toString('hex'),
        issuing: sha256(issuing).toString('hex'),
        feedKey: sha256(feedKey.spki).toString('hex'),
      },
    });
  });
  return { root, issuing, feedKey: feedKey.spki };
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
  const value = spki.toString('base64');
  await store.write(async (tx) => {
    const known = await rows.settings.find(tx, { name: settingNames.attestationKey });
    if (known?.value === value) return;
    if (known) throw new KysoError('configuration', 'another attestation key is enrolled: this is not its signer');
    const epoch = await rows.settings.find(tx, { name: settingNames.epoch });
    if (!epoch) throw new KysoError('configuration', 'run "kyso ca init" first');
    await rows.settings.insert(tx, { name: settingNames.attestationKey, value });
    const detail = { attestationKey: sha256(spki).toString('hex') };
    await record({ clock, epoch: epoch.value }, tx, { event: 'attestationKey.enrolled', result: 'done', detail });
  });
}

function draftOf(name: 'root' | 'issuing', subject: Subject, publicKey: Buffer, now: number): CertificateDraft {
  const profile = profiles[name];
  return { profile, serialNumber: newSerialNumber(), subject, publicKey, ...validityOf(profile, now) };
}

function alreadyThere(): KysoError {
  return new KysoError('configuration', 'this store already has a certification authority; it is never replaced');
}
