import { randomBytes } from 'node:crypto';
import { sha256, wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { deriveKey, open, seal } from '../crypto/seal.ts';
import { insertDigests } from '../store/signer/authorizations.ts';
import type { Authorization, SignerTx } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';
import { macOfDigests, noneSpent } from './hashes.ts';

/** How long a SAD lives, in milliseconds (S8). */
export const sadLifetime = 300_000;

/** How long extendTransaction can keep what was authorized alive, in milliseconds from authorize (design §4). */
export const transactionCap = 3_600_000;

/** How long an ended authorization is remembered, so that a late client is told "SAD expired", in milliseconds. */
export const rememberedFor = 600_000;

/** What a sealed DEK is bound to: it opens for no other caller, credential or key. */
type Binding = Pick<Authorization, 'subscriber' | 'client' | 'grant' | 'credential' | 'key' | 'keyVersion'>;

/** The name under which a SAD is kept: its SHA-256, never itself. */
export const authorizationId = (sad: string) => sha256(sad).toString('base64url');

/** A fresh SAD of 256 bits and the DEK sealed under it: at rest nothing else opens the key (design §3 step 4). */
export function newSad(binding: Binding, dek: Buffer): { sad: string; id: string; sealedDek: Buffer } {
  const sad = randomBytes(32).toString('base64url');
  const id = authorizationId(sad);
  const key = keyFromSad(sad, id);
  try {
    return { sad, id, sealedDek: seal(key, dek, facts(id, binding)) };
  } finally {
    wipe(key);
  }
}

/** Opens the DEK that was sealed under a SAD. The caller wipes it. @throws KysoError integrity */
export function openWithSad(sad: string, authorization: Authorization): Buffer {
  if (!authorization.sealedDek) throw new KysoError('integrity', 'the sealed DEK is gone');
  const key = keyFromSad(sad, authorization.id);
  try {
    return open(key, authorization.sealedDek, facts(authorization.id, authorization));
  } finally {
    wipe(key);
  }
}

const keyFromSad = (sad: string, authorization: string) =>
  deriveKey(Buffer.from(sad), Buffer.from(authorization), 'kyso SAD');

function facts(authorization: string, { subscriber, client, grant, credential, key, keyVersion }: Binding) {
  return { use: 'sad', authorization, subscriber, client, grant, credential, key, keyVersion };
}

/** What a new authorization says, besides its hashes and what follows from its time. */
export type NewAuthorization = Omit<
  Authorization,
  'createdAt' | 'expiresAt' | 'hashesMac' | 'spent' | 'version' | 'mac'
>;

/** Writes an authorization and its hashes, of which none is spent. It lives 300 s, but not past its cap. */
export async function insertAuthorization(
  signer: Signer,
  tx: SignerTx,
  authorization: NewAuthorization,
  createdAt: number,
  digests: Buffer[],
): Promise<void> {
  const joined = Buffer.concat(digests);
  const hashesMac = macOfDigests(signer, authorization.id, joined);
  const expiresAt = Math.min(createdAt + sadLifetime, authorization.capAt);
  const spent = noneSpent(digests.length);
  await signer.rows.authorizations.insert(tx, { ...authorization, createdAt, expiresAt, hashesMac, spent });
  await insertDigests(tx, authorization.id, joined);
}
