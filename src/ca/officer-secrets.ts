import { wipe } from '../base/bytes.ts';
import type { PasswordRecord } from '../crypto/password.ts';
import { open, seal } from '../crypto/seal.ts';
import type { Authority } from './context.ts';

/** A password's record as text for its row. */
export function formatPassword({ kdf, salt, hash }: PasswordRecord): string {
  return JSON.stringify({ kdf, salt: salt.toString('base64'), hash: hash.toString('base64') });
}

/** Reads what `formatPassword` wrote. */
export function parsePassword(text: string): PasswordRecord {
  const { kdf, salt, hash } = JSON.parse(text);
  return { kdf, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

/** An officer's seed (base32) under a key that only the token can make. */
export async function sealSeed(authority: Authority, officer: string, totpSecret: string): Promise<Buffer> {
  const key = await authority.seedKey(officer);
  const seed = Buffer.from(totpSecret);
  try {
    return seal(key, seed, { use: 'totp', officer });
  } finally {
    wipe(key, seed);
  }
}

/** The seed that `sealSeed` sealed, as base32. @throws KysoError integrity */
export async function openSeed(authority: Authority, officer: string, sealed: Buffer): Promise<string> {
  const key = await authority.seedKey(officer);
  try {
    const seed = open(key, sealed, { use: 'totp', officer });
    const text = seed.toString();
    wipe(seed);
    return text;
  } finally {
    wipe(key);
  }
}
