import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { limit } from '../base/limit.ts';
import type { Argon2Cost } from '../crypto/argon2.ts';
import { decoyRecord, hashPassword, passwordMatches } from '../crypto/password.ts';
import { accountClient, clientWorks, directClient } from '../store/api/clients.ts';
import { insertGrant, revokeGrantsOf } from '../store/api/grants.ts';
import { findLogin, holdLogin, loginOf, putLogin } from '../store/api/logins.ts';
import type { ApiStore, Grant, Login } from '../store/api/tables.ts';
import { mayTry, type Try, tryWasRight } from './throttle.ts';
import { turns } from './turns.ts';

/** Passwords under test at once: as many as Argon2 hashes, so that no crowd of right ones looks like guesses. */
const atOnce = 2;

/** Logins in line, at two hashes at a time; more would only time out. One source has half of the line at most. */
const line = { abreast: atOnce, each: 100, all: 200 } as const;

const hour = 3_600_000;
const day = 24 * hour;

/** Milliseconds that a grant lives: with an access token alone; with a refresh token, from its last use, and at most. */
export const grantLifetime = { once: hour, remembered: 30 * day, most: 90 * day } as const;

/** No user ID has control characters, and PostgreSQL takes no text with NUL. */
const hasControl = /\p{Cc}/u;

/** What a grant is for: CSC, or the holder's own account. Tokens of one open nothing of the other. */
export type Scope = 'csc' | 'subscriber';

export type LoginRequest = {
  userID: string;
  password: string;
  /** Where it comes from, for the throttle. */
  source: string;
  scope: Scope;
  rememberMe?: boolean;
};

export type PasswordChange = {
  subscriber: string;
  oldPassword: string;
  newPassword: string;
  /** Where it comes from, for the throttle. */
  source: string;
  /** Lets the holder know. */
  tell: () => Promise<unknown>;
};

export type LoginDesk = {
  /**
   * Checks a password and grants the built-in client access in its name.
   * @throws KysoError loginInvalid — unknown user, wrong password or locked; nothing tells which (S44)
   * @throws KysoError clientSuspended — the password was right, but an operator stopped logins by password
   * @throws KysoError busy, unavailable
   */
  login(request: LoginRequest): Promise<Grant>;
  /**
   * Stores the password of a subscriber whose factors signer has just accepted. Whoever was logged in with an older one
   * is so no longer.
   * @throws KysoError integrity — the user ID already belongs to another subscriber
   */
  enrol(userID: string, subscriber: string, password: string): Promise<void>;
  /**
   * Puts a new password in place of the old, which is tried as at a login. All logins of the subscriber end, the
   * caller's too. `tell` is called when the old one was right, and nothing changes when it fails.
   * @throws KysoError loginInvalid — the old one is wrong, or locked; passwordRefused; busy; what `tell` throws
   */
  changePassword(change: PasswordChange): Promise<void>;
};

export function loginDesk({ store, clock, cost }: { store: ApiStore; clock: Clock; cost: Argon2Cost }): LoginDesk {
  const decoy = decoyRecord(cost);
  // A source waits for its own tries only, and then for one of each other source: a crowd of guesses holds up itself.
  const inLine = turns(line);
  const oneOfFew = limit(atOnce);

  /** The login that the password is right for. However it fails, it costs one commit and one hash (S44). */
  async function tryPassword(userID: string, password: string, source: string): Promise<Login> {
    const attempt: Try = { account: userID, source };
    const login = await store.write(async (tx) => {
      const may = await mayTry(tx, attempt, clock.now());
      // Looked for in any case: not looking would tell of a lock.
      const found = hasControl.test(userID) ? undefined : await findLogin(tx, userID);
      return may ? found : undefined;
    });
    const right = await passwordMatches(password, login ?? decoy);
    if (!login || !right) throw new KysoError('loginInvalid');
    await store.write((tx) => tryWasRight(tx, attempt));
    return login;
  }

  const checked = (userID: string, password: string, source: string) =>
    inLine(source, () => oneOfFew(() => tryPassword(userID, password, source)));

  async function enrol(userID: string, subscriber: string, password: string): Promise<void> {
    const record = await hashPassword(password, cost);
    await store.write(async (tx) => {
      const now = clock.now();
      const stored = await putLogin(tx, { userId: userID, subscriber, ...record }, now);
      if (!stored) throw new KysoError('integrity', 'a user ID belongs to another subscriber');
      await revokeGrantsOf(tx, subscriber, now);
    });
  }

  return {
    enrol,
    async login({ userID, password, source, scope, rememberMe = false }) {
      const login = await checked(userID, password, source);
      return store.write(async (tx) => {
        if (!(await holdLogin(tx, login))) throw new KysoError('loginInvalid', 'the password was changed meanwhile');
        const client = scope === 'csc' ? directClient : accountClient;
        if (!(await clientWorks(tx, client))) throw new KysoError('clientSuspended');
        const createdAt = clock.now();
        const expiresAt = createdAt + (rememberMe ? grantLifetime.remembered : grantLifetime.once);
        const grant = { id: newId(), subscriber: login.subscriber, client, scope, createdAt, expiresAt };
        await insertGrant(tx, grant);
        return { ...grant, revokedAt: null };
      });
    },
    async changePassword({ subscriber, oldPassword, newPassword, source, tell }) {
      const known = await loginOf(store.read, subscriber);
      if (!known) throw new KysoError('loginInvalid', 'the account has no password');
      assertGoodPassword(newPassword, [known.userId, oldPassword]);
      await checked(known.userId, oldPassword, source);
      await tell();
      await enrol(known.userId, subscriber, newPassword);
    },
  };
}

/**
 * The rule for a new password: 10 to 256 characters, and none of the things that it must differ from.
 * @throws KysoError passwordRefused
 */
export function assertGoodPassword(password: string, others: string[]): void {
  const folded = (text: string) => text.normalize('NFC').toLowerCase();
  const characters = [...password.normalize('NFC')].length;
  const good = characters >= 10 && characters <= 256 && others.every((other) => folded(other) !== folded(password));
  if (!good) throw new KysoError('passwordRefused');
}
