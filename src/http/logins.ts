import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Argon2Cost } from '../crypto/argon2.ts';
import { decoyRecord, hashPassword, passwordMatches } from '../crypto/password.ts';
import { clientWorks, directClient } from '../store/api/clients.ts';
import { insertGrant } from '../store/api/grants.ts';
import { clearTries, countTry, type LockPolicy, putLogin } from '../store/api/logins.ts';
import type { ApiStore, Grant } from '../store/api/tables.ts';
import { turns } from './turns.ts';

/** Ten wrong passwords in a row, then a quarter of an hour (S42). */
const lockPolicy: LockPolicy = { limit: 10, lockMs: 900_000 };

/** Logins that may wait for their turn; at two hashes at a time more would only time out. */
const maxWaiting = 200;

/** How long a grant and its access token live, in seconds (`expires_in`). */
export const grantSeconds = 3600;

export type LoginDesk = {
  /**
   * Checks a password and grants the built-in client access in its name.
   * @throws KysoError loginInvalid — unknown user, wrong password or locked; nothing tells which (S44)
   * @throws KysoError clientSuspended — the password was right, but an operator stopped logins by password
   * @throws KysoError busy, unavailable
   */
  login(userID: string, password: string): Promise<Grant>;
  /**
   * Stores the password of a subscriber whose factors signer has just accepted.
   * @throws KysoError integrity — the user ID already belongs to another subscriber
   */
  enrol(userID: string, subscriber: string, password: string): Promise<void>;
};

export function loginDesk({ store, clock, cost }: { store: ApiStore; clock: Clock; cost: Argon2Cost }): LoginDesk {
  const decoy = decoyRecord(cost);
  // One user's tries wait for each other, so that right ones at the same time are not taken for guesses.
  const inTurn = turns(maxWaiting);
  return {
    login: (userID, password) =>
      inTurn(userID, async () => {
        const login = await store.write((tx) => countTry(tx, userID, clock.now(), lockPolicy));
        const right = await passwordMatches(password, login ?? decoy);
        if (!login || !right) throw new KysoError('loginInvalid');
        return store.write(async (tx) => {
          if (!(await clientWorks(tx, directClient))) throw new KysoError('clientSuspended');
          await clearTries(tx, userID);
          const createdAt = clock.now();
          const expiresAt = createdAt + grantSeconds * 1000;
          const grant = { id: newId(), subscriber: login.subscriber, client: directClient, createdAt, expiresAt };
          await insertGrant(tx, grant);
          return { ...grant, revokedAt: null };
        });
      }),
    enrol: async (userID, subscriber, password) => {
      const record = await hashPassword(password, cost);
      const login = { userId: userID, subscriber, ...record };
      const stored = await store.write((tx) => putLogin(tx, login, clock.now()));
      if (!stored) throw new KysoError('integrity', 'a user ID belongs to another subscriber');
    },
  };
}
