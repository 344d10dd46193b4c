import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { SignerRows } from '../store/signer/rows.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import { readSetting } from './settings.ts';

/** A life of the store: its id, when it began (0: the first), and the lives before it, oldest first. */
export type Epoch = { id: string; startedAt: number; before: string[] };

/** @throws KysoError configuration — the store was never initialised */
export async function readEpoch(rows: SignerRows, tx: SignerTx): Promise<Epoch> {
  const text = await readSetting(rows, tx, 'epoch');
  if (!text) throw new KysoError('configuration', 'the signer is not initialised: run kyso signer init');
  return JSON.parse(text);
}

export const firstEpoch = (): Epoch => ({ id: newId(), startedAt: 0, before: [] });
