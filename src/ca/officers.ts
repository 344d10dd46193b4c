import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { pinCost } from '../crypto/argon2.ts';
import { hashPassword } from '../crypto/password.ts';
import { newSeed } from '../crypto/totp.ts';
import type { CaTx, Officer } from '../store/ca/tables.ts';
import { isConflict } from '../store/failure.ts';
import { type Authority, record } from './context.ts';
import { type CheckedOfficer, holdOfficer } from './officer-factors.ts';
import { formatPassword, sealSeed } from './officer-secrets.ts';

/** Who may approve. `sandbox`: one of the two that a sandbox plays itself; nobody can log in as it. */
export type OfficerRole = 'officer' | 'sandbox';

/**
 * A new officer, and what the authenticator app reads. The first two come with the service itself; each further one is
 * vouched for by two who are there, outside of a sandbox (design §8).
 * @throws KysoError approvalMissing — two officers have to vouch
 * @throws KysoError passwordRefused — shorter than 12 characters; orderRefused — there is such an officer
 */
export async function addOfficer(
  authority: Authority,
  { user, name, password }: { user: string; name: string; password: string },
  by: CheckedOfficer[],
): Promise<{ otpauthUri: string }> {
  if ([...password.normalize('NFC')].length < 12)
    throw new KysoError('passwordRefused', 'an officer’s password has at least 12 characters');
  const id = newId();
  const seed = newSeed(user);
  const sealedTotp = await sealSeed(authority, id, seed.totpSecret);
  const hashed = formatPassword(await hashPassword(password, pinCost));
  const row = { ...newOfficer(authority, { id, user, name, role: 'officer' }), password: hashed, sealedTotp };
  try {
    await authority.store.write(async (tx) => {
      const others = await authority.rows.officers.list(tx, { role: 'officer' });
      const vouchers = await twoOfficers(authority, tx, by, others.length < 2);
      await authority.rows.officers.insert(tx, row);
      await record(authority, tx, {
        ...{ event: 'officer.added', result: 'done' },
        detail: { officer: id, by: vouchers.join(' ') },
      });
    });
  } catch (error) {
    if (isConflict(error)) throw new KysoError('orderRefused', `there is an officer ${user} already`);
    throw error;
  }
  return { otpauthUri: seed.otpauthUri };
}

/** A row of an officer without secrets. */
export function newOfficer(
  { clock }: Authority,
  { id, user, name, role }: { id: string; user: string; name: string; role: OfficerRole },
): Omit<Officer, 'version' | 'mac'> {
  return {
    ...{ id, user, name, role, status: 'active', password: '', sealedTotp: Buffer.alloc(0) },
    ...{ lastStep: 0, failures: 0, lockedUntil: 0, createdAt: clock.now() },
  };
}

/**
 * The ids of the two who vouch for something that no single person may do. A sandbox needs nobody.
 * @throws KysoError approvalMissing — fewer than two different officers
 */
export async function twoOfficers(
  authority: Authority,
  tx: CaTx,
  by: CheckedOfficer[],
  exempt = false,
): Promise<string[]> {
  const ids = new Set<string>();
  for (const checked of by) ids.add((await holdOfficer(authority, tx, checked)).id);
  if (ids.size < 2 && !exempt && authority.mode !== 'sandbox')
    throw new KysoError('approvalMissing', 'two different officers have to vouch for this');
  return [...ids];
}

/**
 * Takes an officer's right to approve, at once and for good. Never the last but two: with fewer nobody could be added.
 * @throws KysoError orderRefused — no such officer, or one too few would be left
 */
export async function suspendOfficer(authority: Authority, user: string): Promise<void> {
  const { rows, store, mode } = authority;
  await store.write(async (tx) => {
    const all = await rows.officers.list(tx, { role: 'officer' });
    const known = all.find((each) => each.user === user);
    if (!known) throw new KysoError('orderRefused', `there is no officer ${user}`);
    // All of them, always in one order: suspensions at the same time count one after the other.
    const active: Officer[] = [];
    for (const id of all.map((each) => each.id).sort()) {
      const locked = await rows.officers.lock(tx, { id, status: 'active' });
      if (locked) active.push(locked);
    }
    const officer = active.find(({ id }) => id === known.id);
    if (!officer) return;
    if (mode !== 'sandbox' && active.length <= 2)
      throw new KysoError('orderRefused', 'two officers have to be left: add another one first');
    await rows.officers.replace(tx, officer, { status: 'suspended' });
    await record(authority, tx, { event: 'officer.suspended', result: 'done', detail: { officer: officer.id } });
  });
}
