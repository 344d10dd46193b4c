import { KysoError } from '../base/errors.ts';
import type { ResidentKind } from '../hsm/protocol.ts';
import type { SignerRows } from '../store/signer/rows.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import { type Signer, tokenLabels } from './context.ts';
import { readSetting } from './settings.ts';
import type { KeyVersions, Versioned } from './versioned.ts';

export const kindOfKey: Record<Versioned, ResidentKind> = { kek: 'AES-256-KEK', pepper: 'HMAC-SHA256' };

export const firstVersions = (kind: Versioned): KeyVersions => ({
  ...{ current: tokenLabels[kind], live: [tokenLabels[kind]], next: 2, retired: [] },
});

export const versionLabel = (kind: Versioned, number: number): string => `kyso-${kind}-${number}`;

export async function readVersions(rows: SignerRows, tx: SignerTx, kind: Versioned): Promise<KeyVersions> {
  const text = await readSetting(rows, tx, kind);
  return text === undefined ? firstVersions(kind) : JSON.parse(text);
}

/** Changes what the settings say, in the caller's transaction; others who want to wait for its end. */
export async function changeVersions(
  { rows }: Pick<Signer, 'rows'>,
  tx: SignerTx,
  kind: Versioned,
  change: (versions: KeyVersions) => KeyVersions,
): Promise<KeyVersions> {
  const row = await rows.settings.lock(tx, { name: kind });
  if (!row) throw new Error(`the setting ${kind} is missing`);
  const changed = change(JSON.parse(row.value));
  await rows.settings.replace(tx, row, { value: JSON.stringify(changed) });
  return changed;
}

/**
 * Whether rows may name this version, in the transaction that writes one: it stays so until the transaction ends, so
 * that no version is retired while somebody begins to use it.
 */
export async function holdVersion(
  { rows }: Pick<Signer, 'rows'>,
  tx: SignerTx,
  kind: Versioned,
  label: string,
): Promise<boolean> {
  const row = await rows.settings.hold(tx, { name: kind });
  const versions: KeyVersions | undefined = row && JSON.parse(row.value);
  return versions?.live.includes(label) ?? false;
}

/** @throws KysoError unavailable — the version was retired since it was chosen: what was made under it is made anew */
export async function assertLive(signer: Signer, tx: SignerTx, kind: Versioned, label: string): Promise<void> {
  if (!(await holdVersion(signer, tx, kind, label))) throw new KysoError('unavailable', `${label} was just retired`);
}

/** Takes over what another signer on the same store may have changed. */
export async function refreshVersions(signer: Signer): Promise<void> {
  for (const kind of ['kek', 'pepper'] as const)
    signer.versions[kind] = await readVersions(signer.rows, signer.store.read, kind);
}
