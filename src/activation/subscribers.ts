import { randomBytes } from 'node:crypto';
import { sha256, wipe } from '../base/bytes.ts';
import type { Order } from '../ipc/feed.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { assertLive } from './key-versions.ts';
import { announce } from './notices.ts';
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
 * ca's order to take a person in: makes the vault and the activation data, and sends its halves on their two ways (130
 * bits by official e-mail, 65 by SMS to the attested phone). Returns the change to commit.
 */
export async function prepareSubscriber(
  signer: Signer,
  order: SubscriberOrder,
): Promise<(tx: SignerTx) => Promise<void>> {
  const { subscriber, userID, name, email, phone } = order;
  const halves: Halves = { email: newHalf(26), sms: newHalf(13) };
  const secret = activationSecret(halves);
  const vault = await newVault(signer, subscriber, secret, 'activation');
  const createdAt = signer.time.now();
  const activationExpiresAt = createdAt + activationDays * 24 * 3_600_000;
  wipe(secret);

  return async (tx) => {
    const person = { id: subscriber, userId: userID, name, email, phone, status: 'created', createdAt };
    await signer.rows.subscribers.insert(tx, person);
    await assertLive(signer, tx, 'pepper', vault.pepper);
    await signer.rows.vaults.insert(tx, vault);
    await signer.rows.factors.insert(tx, { subscriber, activationExpiresAt, ...noFailures });
    const expiresAt = activationExpiresAt;
    const byEmail = { template: 'activation.email', values: { userID, half: halves.email }, expiresAt } as const;
    const bySms = { template: 'activation.sms', values: { userID, half: halves.sms }, expiresAt } as const;
    await announce(signer, tx, person, byEmail);
    await announce(signer, tx, person, { ...bySms, channels: ['sms'] });
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
