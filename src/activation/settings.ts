import type { SignerRows } from '../store/signer/rows.ts';
import type { SignerTx } from '../store/signer/tables.ts';

/** Facts of the store as a whole. `caFeedKey` is the SPKI (base64) of the ca that this signer obeys. */
export type SettingName =
  | 'epoch'
  | 'feedPlace'
  | 'lastInstant'
  | 'caFeedKey'
  | 'attestationKey'
  | 'keyKinds'
  | `making.${string}`
  | 'kek'
  | 'pepper'
  | 'backup';

export async function readSetting(rows: SignerRows, tx: SignerTx, name: SettingName): Promise<string | undefined> {
  return (await rows.settings.find(tx, { name }))?.value;
}

/** Sets a number that only grows: of several signers on one store the one that is ahead counts. */
export async function raiseSetting(
  { rows }: { rows: SignerRows },
  tx: SignerTx,
  name: SettingName,
  value: number,
): Promise<void> {
  const row = await rows.settings.lock(tx, { name });
  if (!row) await rows.settings.insert(tx, { name, value: String(value) });
  else if (Number(row.value) < value) await rows.settings.replace(tx, row, { value: String(value) });
}

/** Sets a fact, in the caller's transaction. */
export async function writeSetting(
  { rows }: { rows: SignerRows },
  tx: SignerTx,
  name: SettingName,
  value: string,
): Promise<void> {
  const row = await rows.settings.lock(tx, { name });
  if (row) await rows.settings.replace(tx, row, { value });
  else await rows.settings.insert(tx, { name, value });
}
