import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256, wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import type { Order } from '../ipc/feed.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { newVault } from './vault.ts';

export type Halves = { email: string; sms: string };
type SubscriberOrder = Extract<Order, { kind: 'subscriber' }>;

/** How long activation data opens a new vault (design §3 step 3). */
const activationDays = 14;

/** Crockford's base32: no letters that people confuse; typed halves are read case-blind and without separators. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** `characters` × 5 random bits, in groups of four. */
function newHalf(characters: number): string {
  const text = Array.from(randomBytes(characters), (byte) => alphabet[byte & 31]).join('');
  return text.replace(/(.{4})(?=.)/g, '$1-');
}

/** The activation data that opens a new vault, from its two halves as typed. The caller wipes it. */
export function activationSecret(halves: Halves): Buffer {
  const read = (half: string) => half.toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1').replace(/[\s-]/g, '');
  return Buffer.from(`${read(halves.email)}|${read(halves.sms)}`);
}

/** What is kept of used activation data, to know the same request again after a crash. */
export const activationDigest = (secret: Buffer) => sha256('kyso activation', secret);

/**
 * ca's order to take a person in: makes the vault and the activation data (130 bits by e-mail, 65 by SMS). Returns the
 * change to commit. Only the sandbox can carry the halves out so far: to a file that its holder reads.
 */
export async function prepareSubscriber(
  signer: Signer,
  order: SubscriberOrder,
): Promise<(tx: SignerTx) => Promise<void>> {
  const { subscriber, userID, name, email, phone } = order;
  if (!signer.sandboxDirectory)
    throw new KysoError('configuration', 'outside the sandbox there is no way yet to send activation data');
  const halves: Halves = { email: newHalf(26), sms: newHalf(13) };
  const secret = activationSecret(halves);
  const vault = await newVault(signer, subscriber, secret, 'activation');
  const createdAt = signer.time.now();
  const activationExpiresAt = createdAt + activationDays * 24 * 3_600_000;
  wipe(secret);
  writeHalves(signer.sandboxDirectory, subscriber, {
    userID,
    ...halves,
    expiresAt: new Date(activationExpiresAt).toISOString(),
  });

  return async (tx) => {
    await signer.rows.subscribers.insert(tx, {
      id: subscriber,
      userId: userID,
      name,
      email,
      phone,
      status: 'created',
      createdAt,
    });
    await signer.rows.vaults.insert(tx, vault);
    await signer.rows.factors.insert(tx, { subscriber, activationExpiresAt, ...noFailures });
    await record(signer, tx, { event: 'subscriber.created', actor: 'ca', result: 'done', subscriber });
  };
}

const noFailures = {
  activationFailures: 0,
  activationDigest: null,
  pinFailures: 0,
  pinLockedUntil: 0,
  otpFailures: 0,
  otpLockedUntil: 0,
  sealedTotp: null,
  lastStep: 0,
};

/** Before the commit: if the commit fails, the next try makes new halves and writes them over these. */
function writeHalves(directory: string, subscriber: string, content: object): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, `${subscriber}.json`);
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
  chmodSync(file, 0o600);
}
