import { randomBytes } from 'node:crypto';
import { sha256 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { liveGrant, revokeGrant } from '../store/api/grants.ts';
import { findRefreshToken, insertRefreshToken, spendRefreshToken } from '../store/api/refresh-tokens.ts';
import type { ApiStore, ApiTx, Grant } from '../store/api/tables.ts';

/** A refresh token that nobody uses ends after this many milliseconds; the grant's own end comes in any case. */
const lifetime = 30 * 24 * 3_600_000;

/** 256 random bits. Only its hash is stored. */
const form = /^[A-Za-z0-9_-]{43}$/;
const idOf = (token: string) => sha256(token).toString('base64url');

export const isRefreshToken = (text: string) => form.test(text);

export type RefreshTokens = {
  /** The first refresh token of a grant. */
  issue(grant: Grant): Promise<string>;
  /**
   * Uses up a refresh token. With `again` there is a new one for the same grant. One that was used before is in two
   * hands: the whole grant ends at once (RFC 9700 §4.14.2, S36).
   * @throws KysoError refreshInvalid
   */
  use(token: string, again: boolean): Promise<{ grant: Grant; next?: string }>;
  /** The grant that a refresh token belongs to, used or not. */
  grantOf(token: string): Promise<string | undefined>;
};

export function refreshTokens({ store, clock }: { store: ApiStore; clock: Clock }): RefreshTokens {
  async function give(tx: ApiTx, grant: Grant): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    const createdAt = clock.now();
    const expiresAt = Math.min(createdAt + lifetime, grant.expiresAt);
    await insertRefreshToken(tx, { id: idOf(token), grant: grant.id, createdAt, expiresAt });
    return token;
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
        if (!live) return undefined;
        return { grant: live.grant, ...(again && { next: await give(tx, live.grant) }) };
      });
      if (!used) throw new KysoError('refreshInvalid');
      return used;
    },
    grantOf: async (token) => (await findRefreshToken(store.read, idOf(token)))?.grant,
  };
}
