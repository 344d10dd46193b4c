import { type BackedUpSecret, type Backup, parseBackup } from '../hsm/backup-file.ts';
import type { SignerRows } from '../store/signer/rows.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import { readSetting } from './settings.ts';

/** The backup of this store, if its ceremony made one. */
export async function readBackup(rows: SignerRows, tx: SignerTx): Promise<Backup | undefined> {
  const text = await readSetting(rows, tx, 'backup');
  return text === undefined ? undefined : parseBackup(text, 'the setting "backup"', 'signer');
}

/** Changes which secrets the backup holds, in the caller's transaction. Undefined where there is no backup. */
export async function changeBackup(
  { rows }: { rows: SignerRows },
  tx: SignerTx,
  change: (secrets: BackedUpSecret[]) => BackedUpSecret[],
): Promise<Backup | undefined> {
  const row = await rows.settings.lock(tx, { name: 'backup' });
  if (!row) return undefined;
  const before = parseBackup(row.value, 'the setting "backup"', 'signer');
  const backup = { ...before, secrets: change(before.secrets) };
  await rows.settings.replace(tx, row, { value: JSON.stringify(backup) });
  return backup;
}
