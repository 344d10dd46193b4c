import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { KysoError } from '../base/errors.ts';
import type { BackupKey, ResidentKeySpec } from './protocol.ts';

const Closed = <P extends Record<string, Type.TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
const Bytes = (maxLength: number) => Type.String({ maxLength, pattern: '^[A-Za-z0-9+/]*={0,2}$' });

/** Whose token it is. */
export type TokenOwner = 'signer' | 'ca';

/**
 * The long-lived secrets of a token, each sealed to a public key whose private half lies with custodians (design §3). It
 * says nothing to anybody else, so it may be copied anywhere. It stands in the settings, and in a file beside the store.
 */
export const Backup = Closed({
  is: Type.Enum(['kyso signer backup', 'kyso ca backup']),
  ceremony: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  /** X25519, 32 bytes. */
  publicKey: Bytes(44),
  shares: Type.Integer({ minimum: 1, maximum: 255 }),
  threshold: Type.Integer({ minimum: 1, maximum: 255 }),
  createdAt: Type.Integer({ minimum: 0 }),
  secrets: Type.Array(
    Closed({
      label: Type.String(),
      kind: Type.Enum(['AES-256-KEK', 'HMAC-SHA256', 'EC-P256', 'RSA-2048', 'RSA-3072', 'RSA-4096']),
      sealed: Bytes(4096),
    }),
  ),
});
export type Backup = Static<typeof Backup>;
export type BackedUpSecret = Backup['secrets'][number];

const schema = Compile(Backup);

/** @throws KysoError configuration — the text is no backup of this token's keys */
export function parseBackup(text: string, name: string, owner: TokenOwner): Backup {
  const refuse = (cause?: unknown) =>
    new KysoError('configuration', `${name} is no backup of the keys of ${owner}`, { cause });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw refuse(cause);
  }
  if (!schema.Check(content) || content.is !== `kyso ${owner} backup`) throw refuse();
  return content;
}

/** What new keys are sealed to. */
export const backupKeyOf = ({ ceremony, publicKey }: Backup): BackupKey => ({
  ...{ ceremony, publicKey: Buffer.from(publicKey, 'base64') },
});

export const backedUp = ({ label, kind }: ResidentKeySpec, sealed: Buffer): BackedUpSecret => ({
  ...{ label, kind: kind as BackedUpSecret['kind'], sealed: sealed.toString('base64') },
});
