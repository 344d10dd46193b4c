import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { KysoError } from '../base/errors.ts';
import type { BackupKey, ResidentKeySpec } from '../hsm/protocol.ts';
import { Bytes, Closed, Instant } from '../ipc/fields.ts';
import type { SignerRows } from '../store/signer/rows.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import { readSetting } from './settings.ts';

/**
 * The signer's long-lived secrets, each sealed to a public key whose private half lies with custodians (design §3). It
 * says nothing to anybody else, so it may be copied anywhere. It stands in the settings, and in a file beside the store.
 */
export const Backup = Closed({
  is: Type.Literal('kyso signer backup'),
  ceremony: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  /** X25519, 32 bytes. */
  publicKey: Bytes(44),
  shares: Type.Integer({ minimum: 1, maximum: 255 }),
  threshold: Type.Integer({ minimum: 1, maximum: 255 }),
  createdAt: Instant,
  secrets: Type.Array(
    Closed({ label: Type.String(), kind: Type.Enum(['AES-256-KEK', 'HMAC-SHA256', 'EC-P256']), sealed: Bytes(512) }),
  ),
});
export type Backup = Static<typeof Backup>;
export type BackedUpSecret = Backup['secrets'][number];

const schema = Compile(Backup);

/** @throws KysoError configuration — the text is no backup of a signer */
export function parseBackup(text: string, name: string): Backup {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new KysoError('configuration', `${name} is no backup of a signer's keys`, { cause });
  }
  if (schema.Check(content)) return content;
  throw new KysoError('configuration', `${name} is no backup of a signer's keys`);
}

/** The backup of this store, if its ceremony made one. */
export async function readBackup(rows: SignerRows, tx: SignerTx): Promise<Backup | undefined> {
  const text = await readSetting(rows, tx, 'backup');
  return text === undefined ? undefined : parseBackup(text, 'the setting "backup"');
}

/** What new keys are sealed to. */
export const backupKeyOf = ({ ceremony, publicKey }: Backup): BackupKey => ({
  ...{ ceremony, publicKey: Buffer.from(publicKey, 'base64') },
});

export const backedUp = ({ label, kind }: ResidentKeySpec, sealed: Buffer): BackedUpSecret => ({
  ...{ label, kind: kind as BackedUpSecret['kind'], sealed: sealed.toString('base64') },
});

/** Changes which secrets the backup holds, in the caller's transaction. Undefined where there is no backup. */
export async function changeBackup(
  { rows }: { rows: SignerRows },
  tx: SignerTx,
  change: (secrets: BackedUpSecret[]) => BackedUpSecret[],
): Promise<Backup | undefined> {
  const row = await rows.settings.lock(tx, { name: 'backup' });
  if (!row) return undefined;
  const before = parseBackup(row.value, 'the setting "backup"');
  const backup = { ...before, secrets: change(before.secrets) };
  await rows.settings.replace(tx, row, { value: JSON.stringify(backup) });
  return backup;
}
