import { randomBytes } from 'node:crypto';
import { wipe } from '../base/bytes.ts';
import { openFrom, sealTo } from '../crypto/hpke.ts';
import { deriveKey } from '../crypto/seal.ts';
import { importResidentKey, isScalarOf } from './import.ts';
import type { Session } from './module.ts';
import type { BackupKey, MadeKey, ResidentKeySpec, RestoreKey, SealedKey } from './protocol.ts';
import { newRsaSecret } from './rsa-secret.ts';

/** What a sealed secret belongs to: it opens for no other key or ceremony. */
const facts = ({ label, kind }: ResidentKeySpec, ceremony: string) => ({ use: 'backup', ceremony, label, kind });

/**
 * Makes a key that stays in the token, and seals its secret to the backup's public key. The secret is drawn here from
 * OpenSSL's and the token's generators together, and is in this process's memory until it is wiped.
 * @throws KysoError configuration — the label is taken, or the token takes no keys from outside
 */
export async function createBackedUpKey(session: Session, spec: ResidentKeySpec, backup: BackupKey): Promise<MadeKey> {
  const secret = await newSecret(session, spec);
  try {
    const spki = importResidentKey(session, spec, secret);
    const sealed = await sealTo(backup.publicKey, secret, facts(spec, backup.ceremony));
    return { ...(spki && { spki }), sealed };
  } finally {
    wipe(secret);
  }
}

/**
 * Puts a key back into a token from its backup.
 * @throws KysoError integrity — the backup was changed, or is of another ceremony; configuration — as above
 */
export async function restoreKey(
  session: Session,
  { sealed, ...spec }: SealedKey,
  backup: RestoreKey,
): Promise<MadeKey> {
  const secret = await openFrom(backup.privateKey, sealed, facts(spec, backup.ceremony));
  try {
    const spki = importResidentKey(session, spec, secret);
    return spki ? { spki } : {};
  } finally {
    wipe(secret);
  }
}

/** 32 bytes that nobody can foresee who knows only one of the two generators; an RSA key comes from OpenSSL's alone. */
async function newSecret({ module, handle }: Session, { kind }: ResidentKeySpec): Promise<Buffer> {
  if (kind === 'RSA-2048' || kind === 'RSA-3072' || kind === 'RSA-4096') return newRsaSecret(kind);
  for (;;) {
    const drawn = Buffer.concat([randomBytes(32), module.C_GenerateRandom(handle, Buffer.alloc(32))]);
    const secret = deriveKey(drawn, Buffer.alloc(0), 'kyso resident key');
    wipe(drawn);
    if (kind !== 'EC-P256' || isScalarOf(secret)) return secret;
  }
}
