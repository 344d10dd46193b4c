import { wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { failureLimits, lockedUntil } from '../base/locks.ts';
import type { Factors, Subscriber, Vault } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { announceLock } from './lock-notice.ts';
import { renew } from './renew.ts';
import { openVault } from './vault.ts';

/** What people choose when they are told to choose: refused in any case, with any tail of digits. */
const commonWords = [
  'password',
  'passw0rd',
  'p@ssword',
  'p@ssw0rd',
  'matkhau',
  'qwerty',
  'qwertyuiop',
  'asdfgh',
  'asdfghjkl',
  'zxcvbnm',
  '1q2w3e4r',
  '1qaz2wsx',
  'abcd',
  'abcdef',
  'iloveyou',
  'anhyeuem',
  'vietnam',
  'admin',
  'welcome',
  'letmein',
  'kyso',
];

/** A PIN as bytes: NFC, so that the same Vietnamese word typed on two keyboards is one PIN. The caller wipes it. */
export const pinBytes = (pin: string) => Buffer.from(pin.normalize('NFC'));

/**
 * The rules for a new PIN: 8–64 characters, not one that a stranger would try first, nothing about the holder (S46).
 * @throws KysoError pinRefused — the message says which rule
 */
export function assertGoodPin(pin: string, holder: Pick<Subscriber, 'userId' | 'name' | 'email' | 'phone'>): void {
  const text = pin.normalize('NFC').toLowerCase();
  const length = [...text].length;
  const refuse = (why: string) => {
    throw new KysoError('pinRefused', why);
  };
  if (length < 8 || length > 64) refuse('the PIN must have 8 to 64 characters');
  if (/\p{Cc}/u.test(text)) refuse('the PIN must not contain control characters');
  if (new Set(text).size < 4) refuse('the PIN must have at least 4 different characters');
  if (isRun(text) || isPaddedRun(text)) refuse('the PIN must not be a sequence');
  if (/^(.{1,4})\1+$/u.test(text)) refuse('the PIN must not repeat itself');
  if (commonWords.includes(text.replace(/[\d\W_]+$/, ''))) refuse('the PIN is one of the most used ones');
  // The phone without what may stand before it: 0901234567 and +84901234567 are one number.
  const personal = [holder.userId, holder.name, holder.email.split('@')[0]!, holder.phone.replace(/^(\+84|0)/, '')];
  const plain = unaccented(text);
  if (personal.map(unaccented).some((value) => value.length >= 4 && plain.includes(value)))
    refuse('the PIN must not contain your name, e-mail or phone');
}

/** Only letters and digits, without case and accents: Nguyễn Thị Ánh and nguyen.thi.anh are one. */
const unaccented = (text: string) =>
  text
    .toLowerCase()
    .normalize('NFD')
    .replaceAll('đ', 'd')
    .replace(/[^\p{L}\p{N}]/gu, '');

/** A sequence of digits with hardly anything around it: a1234567, 12345678! */
function isPaddedRun(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  return digits.length >= text.length - 3 && isRun(digits);
}

/** Digits or letters that only go up or only go down by one: 12345678, hgfedcba. */
function isRun(text: string): boolean {
  const steps = Array.from(text.slice(1), (_, index) => text.charCodeAt(index + 1) - text.charCodeAt(index));
  return steps.every((step) => step === 1 || step === -9) || steps.every((step) => step === -1 || step === 9);
}

/**
 * Opens the vault with the PIN; there is no stored PIN hash, a wrong PIN simply does not open it. The caller wipes
 * the private half, and clears the count (`pinCleared`) in the transaction of what the PIN was for.
 * @throws KysoError pinInvalid | pinLocked
 * @throws KysoError tokenUnavailable — nothing was learnt about the PIN, and nothing counted
 */
export async function openWithPin(signer: Signer, vault: Vault, pin: Buffer, request: string): Promise<Buffer> {
  const { subscriber } = vault;
  const factors = await signer.rows.factors.find(signer.store.read, { subscriber });
  // A locked factor costs no Argon2id; `countTry` asks again, under the row's lock.
  if (!factors || isLocked(signer, factors)) throw await refusal(signer, subscriber, request, 'pinLocked');
  let lock = 0;
  const count = async () => {
    lock = await countTry(signer, subscriber, request);
  };
  const privateKey = await openVault(signer, vault, pin, count);
  if (!privateKey) throw await refusal(signer, subscriber, request, 'pinInvalid', lock);
  return privateKey;
}

const isLocked = (signer: Signer, factors: Factors) => factors.pinLockedUntil > signer.time.now();

/**
 * Counts a try before it is made; a right PIN takes the count back afterwards (S42). So tries that run in parallel, or
 * that a crash cuts off, never exceed the limit. Returns until when this try locks the PIN, should it be wrong; 0: not.
 * @throws KysoError pinLocked
 */
async function countTry(signer: Signer, subscriber: string, request: string): Promise<number> {
  const counted = await signer.store.write(async (tx) => {
    const factors = await signer.rows.factors.lock(tx, { subscriber });
    if (!factors || isLocked(signer, factors)) return undefined;
    const pinFailures = factors.pinFailures + 1;
    const pinLockedUntil = lockedUntil(pinFailures, failureLimits.pin, signer.time.now());
    await signer.rows.factors.replace(tx, factors, { pinFailures, pinLockedUntil });
    return pinLockedUntil;
  });
  await failpoint('pin.counted');
  if (counted === undefined) throw await refusal(signer, subscriber, request, 'pinLocked');
  return counted;
}

/** Logs that a PIN was refused, tells the holder of the `lock` that this set, and makes the error to throw. */
async function refusal(
  signer: Signer,
  subscriber: string,
  request: string,
  kind: 'pinInvalid' | 'pinLocked',
  lock = 0,
): Promise<KysoError> {
  const entry = {
    event: 'factor.pin',
    actor: 'api',
    result: 'refused',
    subscriber,
    request,
    detail: { kind },
  } as const;
  await signer.store.write(async (tx) => {
    // Not before: the try that sets a lock may be the right one, which takes it back.
    if (lock > 0) await announceLock(signer, tx, subscriber, 'pinLocked', lock);
    await record(signer, tx, entry);
  });
  return new KysoError(kind);
}

/** What a right PIN sets back. */
export const pinCleared = { pinFailures: 0, pinLockedUntil: 0 } as const;

/**
 * Asks for the PIN where nothing is opened by it. The caller clears the count in the transaction of what it was for.
 * @param pin is wiped
 * @throws as openWithPin
 */
export async function tryPin(signer: Signer, vault: Vault, pin: Buffer, request: string): Promise<void> {
  let privateKey: Buffer | undefined;
  try {
    privateKey = await openWithPin(signer, vault, pin, request);
    await renew(signer, { vault, privateKey, pin });
  } finally {
    wipe(pin, privateKey);
  }
}
