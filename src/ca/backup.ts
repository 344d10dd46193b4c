import { type BackedUpSecret, type Backup, parseBackup } from '../hsm/backup-file.ts';
import type { CaRows } from '../store/ca/rows.ts';
import type { CaTx } from '../store/ca/tables.ts';
import { settingNames } from './context.ts';

/** The backup of the token's keys, if the ceremony made one. */
export async function readBackup(rows: CaRows, tx: CaTx): Promise<Backup | undefined> {
  const row = await rows.settings.find(tx, { name: settingNames.backup });
  return row && parseBackup(row.value, 'the setting "backup"', 'ca');
}

/** Adds the secrets of new keys to the backup, in the caller's transaction. Undefined where there is no backup. */
export async function addToBackup(rows: CaRows, tx: CaTx, secrets: BackedUpSecret[]): Promise<Backup | undefined> {
  const row = await rows.settings.lock(tx, { name: settingNames.backup });
  if (!row) return undefined;
  const before = parseBackup(row.value, 'the setting "backup"', 'ca');
  const backup = { ...before, secrets: [...before.secrets, ...secrets] };
  await rows.settings.replace(tx, row, { value: JSON.stringify(backup) });
  return backup;
}
