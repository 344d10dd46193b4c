import { randomBytes } from 'node:crypto';
import { sha256 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { liveGrant, moveGrantEnd, revokeGrant } from '../store/api/grants.ts';
import { findRefreshToken, insertRefreshToken, spendRefreshToken } from '../store/api/refresh-tokens.ts';
import type { ApiStore, ApiTx, Grant } from '../store/api/tables.ts';
import { grantLifetime } from './logins.ts';

/** 256 random bits. Only its hash is stored. */
const form = /^[A-Za-z0-9_-]{43}$/;
const idOf = (token: string) => sha256(token).toString('base64url');

export const isRefreshToken = (text: string) => form.test(text);

export type RefreshTokens = {
  /** The first refresh token of a grant; it lives as long as the grant. */
  issue(grant: Grant): Promise<string>;
  /**
   * Uses up a refresh token. With `again` there is a new one for the same grant, which then lives longer; without, the
   * grant lives only as long as the access token that is now due. One that was used before is in two
   * hands: the whole grant ends at once (RFC 9700 §4.14.2, S36).
   * @throws KysoError refreshInvalid
   */
  use(token: string, again: boolean): Promise<{ grant: Grant; next?: string }>;
  /** The grant that a refresh token belongs to, used or not. */
  grantOf(token: string): Promise<string | undefined>;
};

export function refreshTokens({ store, clock }: { store: ApiStore; clock: Clock }): RefreshTokens {
  async function give(tx: ApiTx, { id: grant, expiresAt }: Grant): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await insertRefreshToken(tx, { id: idOf(token), grant, createdAt: clock.now(), expiresAt });
    return token;
  }

  async function prolong(tx: ApiTx, { id, createdAt }: Grant, lifetime: number): Promise<Grant | undefined> {
    return moveGrantEnd(tx, id, Math.min(clock.now() + lifetime, createdAt + grantLifetime.most));
  }

  return {
    issue: (grant) => store.write((tx) => give(tx, grant)),
    async use(token, again) {
      const id = idOf(token);
      const used = await store.write(async (tx) => {
        const now = clock.now();
        const row = await spendRefreshToken(tx, id, now);
        if (!row) {
          const known = await findRefreshToken(tx, id);
          if (known?.usedAt != null) await revokeGrant(tx, known.grant, now);
          return undefined;
        }
        const live = await liveGrant(tx, row.grant, now);
        const grant = live && (await prolong(tx, live.grant, again ? grantLifetime.remembered : grantLifetime.once));
        // Takes back the use: a client that is only suspended finds its token again.
        if (!grant) throw new KysoError('refreshInvalid');
        return { grant, ...(again && { next: await give(tx, grant) }) };
      });
      if (!used) throw new KysoError('refreshInvalid');
      return used;
    },
    grantOf: async (token) => (await findRefreshToken(store.read, idOf(token)))?.grant,
  };
}
