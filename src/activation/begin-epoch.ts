import { makeLeaf } from '../audit/leaf.ts';
import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { forEver, longestLock } from '../base/locks.ts';
import type { Token } from '../hsm/pool.ts';
import { appendLeaves } from '../store/log.ts';
import { deleteAllAuthorizations, deleteAllCodes, deleteAllKeptAnswers } from '../store/signer/epoch.ts';
import { fromTheFuture } from '../store/signer/factors.ts';
import type { SignerRows } from '../store/signer/rows.ts';
import type { SignerStore } from '../store/signer/tables.ts';
import { type Epoch, readEpoch } from './epochs.ts';
import { openRows } from './initialise.ts';
import { readSetting, writeSetting } from './settings.ts';
import { lastStepBefore } from './totp.ts';

/**
 * Says that this store, as it is, counts from now on, though it may be older than what was (S69): every SAD and every
 * code from before is void, and so are logins, since api hears of the new epoch. Time begins anew at the clock's, and
 * nothing waits for an instant that only a wrong clock had seen.
 * @throws KysoError configuration — the store is not initialised, or is not of this token
 */
export async function beginEpoch(parts: {
  store: SignerStore;
  token: Token;
  clock: Clock;
  why: string;
}): Promise<{ attestationKey: Buffer }> {
  const { store, token, clock, why } = parts;
  const { rows } = await openRows(store, token);
  const attestationKey = await readSetting(rows, store.read, 'attestationKey').catch((cause: unknown) => {
    throw new KysoError('configuration', 'this store was not made with these keys', { cause });
  });
  const old = await readEpoch(rows, store.read);
  const startedAt = clock.now();
  const epoch = { id: newId(), startedAt, before: [...old.before, old.id] };
  await store.write(async (tx) => {
    await writeSetting({ rows }, tx, 'epoch', JSON.stringify(epoch));
    await writeSetting({ rows }, tx, 'lastInstant', String(startedAt));
    await deleteAllAuthorizations(tx);
    await deleteAllCodes(tx);
    await deleteAllKeptAnswers(tx);
    const time = { at: startedAt, monotonic: Math.round(clock.monotonic()), epoch: epoch.id };
    const detail = { before: old.id, why };
    await appendLeaves(tx, [makeLeaf({ event: 'epoch.begun', actor: 'operator', result: 'done', detail }, time)]);
  });
  await bringToPresent(store, rows, epoch);
  return { attestationKey: Buffer.from(attestationKey ?? '', 'base64') };
}

/** Codes and locks that lie further ahead than any right clock could have put them are brought back. */
async function bringToPresent(store: SignerStore, rows: SignerRows, epoch: Epoch): Promise<void> {
  const lastStep = lastStepBefore(epoch.startedAt);
  const latest = epoch.startedAt + longestLock;
  for (;;) {
    const ahead = await fromTheFuture(store.read, { lastStep, latest, forEver });
    if (ahead.length === 0) return;
    await store.write(async (tx) => {
      for (const subscriber of ahead) {
        const row = await rows.factors.lock(tx, { subscriber });
        if (!row) continue;
        const bounded = (until: number) => (until === forEver ? until : Math.min(until, latest));
        await rows.factors.replace(tx, row, {
          lastStep: Math.min(row.lastStep, lastStep),
          pinLockedUntil: bounded(row.pinLockedUntil),
          otpLockedUntil: bounded(row.otpLockedUntil),
        });
      }
    });
  }
}
