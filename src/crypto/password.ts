import { randomBytes } from 'node:crypto';
import { equalBytes, wipe } from '../base/bytes.ts';
import { type Argon2Cost, argon2id, formatCost, newSalt, parseCost } from './argon2.ts';

/** What is kept of a login password: Argon2id with the parameters of its day (S46). */
export type PasswordRecord = { kdf: string; salt: Buffer; hash: Buffer };

/** Passwords are compared in NFC (RFC 8265 §4.2): keyboards write Vietnamese letters in one code point or in several. */
const bytesOf = (password: string) => Buffer.from(password.normalize('NFC'), 'utf8');

export async function hashPassword(password: string, cost: Argon2Cost): Promise<PasswordRecord> {
  const salt = newSalt();
  return { kdf: formatCost(cost), salt, hash: await derive(password, salt, cost) };
}

export async function passwordMatches(password: string, record: PasswordRecord): Promise<boolean> {
  return equalBytes(await derive(password, record.salt, parseCost(record.kdf)), record.hash);
}

/** A record that no password matches, for users who do not exist: checking it takes as long as a real one (S44). */
export function decoyRecord(cost: Argon2Cost): PasswordRecord {
  return { kdf: formatCost(cost), salt: newSalt(), hash: randomBytes(32) };
}

async function derive(password: string, salt: Buffer, cost: Argon2Cost): Promise<Buffer> {
  const secret = bytesOf(password);
  try {
    return await argon2id(secret, salt, cost);
  } finally {
    wipe(secret);
  }
}
