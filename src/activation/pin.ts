import { KysoError } from '../base/errors.ts';
import type { Subscriber, Vault } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { failureLimits, lockedUntil } from './locks.ts';
import { openVault } from './vault.ts';

/** What people choose when they are told to choose: refused in any case, with any tail of digits. */
const commonWords = [
  'password',
  'matkhau',
  'qwerty',
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
export function assertGoodPin(pin: string, holder: Pick<Subscriber, 'userId' | 'email' | 'phone'>): void {
  const text = pin.normalize('NFC').toLowerCase();
  const length = [...text].length;
  const refuse = (why: string) => {
    throw new KysoError('pinRefused', why);
  };
  if (length < 8 || length > 64) refuse('the PIN must have 8 to 64 characters');
  if (/\p{Cc}/u.test(text)) refuse('the PIN must not contain control characters');
  if (new Set(text).size < 4) refuse('the PIN must have at least 4 different characters');
  if (isRun(text)) refuse('the PIN must not be a sequence');
  if (commonWords.includes(text.replace(/[\d\W_]+$/, ''))) refuse('the PIN is one of the most used ones');
  const personal = [
    holder.userId,
    holder.email,
    holder.email.split('@')[0]!,
    holder.phone.replace(/^\+84/, '0'),
    holder.phone.slice(1),
  ];
  if (personal.some((value) => value.length >= 6 && text.includes(value.toLowerCase())))
    refuse('the PIN must not contain your name, e-mail or phone');
}

/** Digits or letters that only go up or only go down by one: 12345678, hgfedcba. */
function isRun(text: string): boolean {
  const steps = Array.from(text.slice(1), (_, index) => text.charCodeAt(index + 1) - text.charCodeAt(index));
  return steps.every((step) => step === 1 || step === -9) || steps.every((step) => step === -1 || step === 9);
}

/**
 * Counts a try before it is made; a right PIN takes the count back afterwards (S42). So tries that run in parallel, or
 * that a crash cuts off, never exceed the limit.
 * @throws KysoError pinLocked
 */
export async function countPinTry(signer: Signer, subscriber: string, request: string): Promise<void> {
  const allowed = await signer.store.write(async (tx) => {
    const factors = await signer.rows.factors.lock(tx, { subscriber });
    const now = signer.time.now();
    if (!factors || factors.pinLockedUntil > now) {
      await record(signer, tx, {
        event: 'factor.pin',
        actor: 'api',
        result: 'refused',
        subscriber,
        request,
        detail: { kind: 'pinLocked' },
      });
      return false;
    }
    const pinFailures = factors.pinFailures + 1;
    const pinLockedUntil = lockedUntil(pinFailures, failureLimits.pin, now);
    await signer.rows.factors.replace(tx, factors, { pinFailures, pinLockedUntil });
    return true;
  });
  if (!allowed) throw new KysoError('pinLocked');
}

/**
 * Opens the vault with the PIN; there is no stored PIN hash, a wrong PIN simply does not open it. The caller wipes
 * the private half, and clears the count (`pinCleared`) in the transaction of what the PIN was for.
 * @throws KysoError pinInvalid | pinLocked
 */
export async function openWithPin(signer: Signer, vault: Vault, pin: Buffer, request: string): Promise<Buffer> {
  const { subscriber } = vault;
  await countPinTry(signer, subscriber, request);
  try {
    return await openVault(signer, vault, pin);
  } catch (error) {
    if (!(error instanceof KysoError) || error.kind !== 'integrity') throw error;
    await signer.store.write((tx) =>
      record(signer, tx, {
        event: 'factor.pin',
        actor: 'api',
        result: 'refused',
        subscriber,
        request,
        detail: { kind: 'pinInvalid' },
      }),
    );
    throw new KysoError('pinInvalid');
  }
}

/** What a right PIN sets back. */
export const pinCleared = { pinFailures: 0, pinLockedUntil: 0 } as const;
