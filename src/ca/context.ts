import { type LeafFields, makeLeaf } from '../audit/leaf.ts';
import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import type { PkiUrls } from '../base/pki-urls.ts';
import { rowMac } from '../crypto/row-mac.ts';
import { type Profile, profiles } from '../pki/profiles.ts';
import { type CaRows, caRows } from '../store/ca/rows.ts';
import type { CaStore, CaTx } from '../store/ca/tables.ts';
import { appendLeaves } from '../store/log.ts';
import { openPki, type Pki } from './authorities.ts';
import { type CaKey, type CaToken, residentKey } from './ca-token.ts';
import { tokenLabels } from './kinds.ts';

/** `sandbox`: ca issues over sandbox lines. `production`: only over lists with all three proofs (docs/ca-proofs.md). */
export type Mode = 'sandbox' | 'production';

/** What every part of the certification authority works with. One per ca process. */
export type Authority = {
  store: CaStore;
  rows: CaRows;
  clock: Clock;
  mode: Mode;
  /** This life of the store (S69). */
  epoch: string;
  pki: Pki;
  urls: PkiUrls;
  /** What subscribers' certificates are issued under from now on. */
  profile: Profile;
  /** OIDs. */
  policies: readonly string[];
  feedKey: CaKey;
  /** The key that the token makes for the one-time code seed of this officer alone. The caller wipes it. */
  seedKey(officer: string): Promise<Buffer>;
};

/** What the store says of the authority once the ceremony is done. */
export const settingNames = {
  epoch: 'epoch',
  names: 'authority-names',
  backup: 'backup',
  attestationKey: 'attestation-key',
} as const;

export async function readSetting(
  { store, rows }: Pick<Authority, 'store' | 'rows'>,
  name: string,
): Promise<string | undefined> {
  return (await rows.settings.find(store.read, { name }))?.value;
}

/** The sealed tables, under the MAC key that only the token can make. */
export async function openRows(store: CaStore, token: CaToken): Promise<CaRows> {
  return caRows(store.read.t, rowMac(await token.hmac({ label: tokenLabels.rowMac, data: Buffer.from('ca rows') })));
}

/**
 * Opens the authority that the ceremony made.
 * @throws KysoError configuration — there was no ceremony on this store, or its keys are not in this token
 */
export async function openAuthority(
  options: Pick<Authority, 'store' | 'clock' | 'mode' | 'urls'> &
    Partial<Pick<Authority, 'profile' | 'policies'>> & { token: CaToken },
): Promise<Authority> {
  const { token, profile = profiles.individual, policies = [], ...given } = options;
  const { store, clock } = given;
  const rows = await openRows(store, token);
  const epoch = await readSetting({ store, rows }, settingNames.epoch);
  if (!epoch) {
    throw new KysoError('configuration', 'there is no certification authority in this store yet: run "kyso ca init"');
  }
  const keyOf = (label: string) => residentKey(token, label);
  return {
    ...{ ...given, profile, policies },
    rows,
    epoch,
    pki: await openPki({ store, rows, clock, keyOf }),
    feedKey: await keyOf(tokenLabels.feed),
    seedKey: (officer) => token.hmac({ label: tokenLabels.officers, data: Buffer.from(`totp ${officer}`) }),
  };
}

/** Writes entries of the issuance log in the transaction of the change that they record (S59). */
export async function record(
  authority: Pick<Authority, 'clock' | 'epoch'>,
  tx: CaTx,
  ...entries: Omit<LeafFields, 'actor'>[]
): Promise<void> {
  const { clock, epoch } = authority;
  const time = { at: clock.now(), monotonic: Math.round(clock.monotonic()), epoch };
  await appendLeaves(
    tx,
    entries.map((entry) => makeLeaf({ ...entry, actor: 'ca' }, time)),
  );
}
