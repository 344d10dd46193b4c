import { KysoError } from '../base/errors.ts';
import { lockedUntil } from '../base/locks.ts';
import { pinCost } from '../crypto/argon2.ts';
import { decoyRecord, passwordMatches } from '../crypto/password.ts';
import { matchStep } from '../crypto/totp.ts';
import { officerBeforeStep } from '../store/ca/officers.ts';
import type { CaTx, Officer } from '../store/ca/tables.ts';
import { type Authority, record } from './context.ts';
import { openSeed, parsePassword } from './officer-secrets.ts';

/** What an officer shows for one act. */
export type OfficerFactors = { user: string; password: string; otp: string };

declare const checked: unique symbol;

/** An officer whose factors were checked for one act. Only `checkOfficer` makes one, and in a sandbox `playOfficer`. */
export type CheckedOfficer = { readonly [checked]: true };

const made = new WeakMap<CheckedOfficer, string>();

function vouch(id: string): CheckedOfficer {
  const officer = {} as CheckedOfficer;
  made.set(officer, id);
  return officer;
}

/** Consecutive failures after which an officer is locked for good; before that, from the fifth on, for a while (S42). */
const failureLimit = 10;

/**
 * Checks password (Argon2id) and one-time code together, and uses the code up: its step is claimed by one conditional
 * UPDATE, so of any number of parallel calls with one code exactly one gets past. A try is counted before it is made and
 * taken back when it was right, so tries that run in parallel, or that a crash cuts off, never exceed the limit. It is
 * taken back, too, when it could not be judged, as while the token is away: that must lock nobody for good.
 * @throws KysoError officerInvalid — which factor was wrong, or whether there is such an officer, nobody learns
 * @throws KysoError officerLocked
 * @throws KysoError tokenUnavailable, unavailable — the token or the store is away
 */
export async function checkOfficer(authority: Authority, factors: OfficerFactors): Promise<CheckedOfficer> {
  const officer = await countTry(authority, factors.user);
  const verdict = await judge(authority, officer, factors).catch(async (error: unknown) => {
    await authority.store.write((tx) => takeBack(authority, tx, officer)).catch(() => {});
    throw error;
  });
  if (officer && verdict === 'right') return vouch(officer.id);
  throw await refusal(authority, officer, 'officerInvalid', verdict === 'replayed');
}

/** Fails only where it cannot tell: what is wrong for sure is said before anything that may fail. */
async function judge(
  authority: Authority,
  officer: Officer | undefined,
  { password, otp }: OfficerFactors,
): Promise<'right' | 'wrong' | 'replayed'> {
  const { store, rows, clock } = authority;
  const known = officer?.password ? parsePassword(officer.password) : decoyRecord(pinCost);
  const right = await passwordMatches(password, known);
  if (!officer || !right) return 'wrong';
  const secret = await openSeed(authority, officer.id, officer.sealedTotp);
  const step = matchStep(secret, otp, clock.now());
  if (step === undefined) return 'wrong';
  return store.write(async (tx) => {
    const claimed = await rows.officers.lock(tx, { id: officer.id, status: 'active' }, officerBeforeStep(tx, step));
    if (claimed) await rows.officers.replace(tx, claimed, { lastStep: step, failures: 0, lockedUntil: 0 });
    return claimed ? 'right' : 'replayed';
  });
}

/** Counts a try of an active officer, and returns the row with it; undefined where there is none to count for. */
async function countTry(authority: Authority, user: string): Promise<Officer | undefined> {
  const { store, rows, clock } = authority;
  const counted = await store.write(async (tx) => {
    const officer = await rows.officers.lock(tx, { user, role: 'officer', status: 'active' });
    if (!officer) return undefined;
    const now = clock.now();
    if (officer.lockedUntil > now) return { officer, locked: true };
    const failures = officer.failures + 1;
    const until = lockedUntil(failures, failureLimit, now);
    return { officer: await rows.officers.replace(tx, officer, { failures, lockedUntil: until }), locked: false };
  });
  if (counted?.locked) throw await refusal(authority, counted.officer, 'officerLocked');
  return counted?.officer;
}

/** Takes back the try that `counted` has, with the lock that it brought, unless a right one cleared all meanwhile. */
async function takeBack({ rows }: Authority, tx: CaTx, counted: Officer | undefined): Promise<void> {
  const row = counted && (await rows.officers.lock(tx, { id: counted.id }));
  if (!row || row.failures === 0 || row.lastStep !== counted.lastStep) return;
  const own = row.lockedUntil === counted.lockedUntil;
  await rows.officers.replace(tx, row, { failures: row.failures - 1, ...(own && { lockedUntil: 0 }) });
}

/** Logs the refusal and makes the error. A right code that was used before is no guess, and counts as none (design §8). */
async function refusal(
  authority: Authority,
  officer: Officer | undefined,
  kind: 'officerInvalid' | 'officerLocked',
  replayed = false,
): Promise<KysoError> {
  await authority.store.write(async (tx) => {
    if (replayed) await takeBack(authority, tx, officer);
    const detail = { kind, replayed, officer: officer?.id ?? 'unknown' };
    await record(authority, tx, { event: 'officer.checked', result: 'refused', detail });
  });
  return new KysoError(kind, kind === 'officerLocked' ? 'this officer is locked' : 'wrong user, password or code');
}

/**
 * One of the two officers that a sandbox plays itself.
 * @throws KysoError approvalMissing — outside of a sandbox
 */
export function playOfficer({ mode }: Authority, id: string): CheckedOfficer {
  if (mode !== 'sandbox') throw new KysoError('approvalMissing', 'only a sandbox plays its officers');
  return vouch(id);
}

/**
 * Who was checked, as of now; he stays so until the transaction of the act that the factors were shown for ends.
 * @throws KysoError officerInvalid — suspended meanwhile
 */
export async function holdOfficer(authority: Authority, tx: CaTx, officer: CheckedOfficer): Promise<Officer> {
  const id = made.get(officer);
  const row = id === undefined ? undefined : await authority.rows.officers.hold(tx, { id, status: 'active' });
  if (!row) throw new KysoError('officerInvalid', 'the factors of this officer count no more');
  return row;
}
