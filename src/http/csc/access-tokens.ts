import { createHash, randomBytes } from 'node:crypto';
import type { FastifyJWTOptions, JWT } from '@fastify/jwt';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { sha256 } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { KysoError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { recent } from '../../base/recent.ts';
import type { ClientSwitches } from '../../ipc/api-contract.ts';
import {
  findAccessToken,
  findGrant,
  insertAccessToken,
  liveAccess,
  revokeAccessToken,
  revokeGrant,
} from '../../store/api/grants.ts';
import { settingOr } from '../../store/api/settings.ts';
import type { ApiStore, ApiTx, Grant } from '../../store/api/tables.ts';
import { switchesOf } from '../clients.ts';
import type { Scope } from '../logins.ts';

/** Which login is asking: what signer gets to narrow a SAD with, and what its client is allowed beyond CSC's letter. */
export type Caller = { subscriber: string; client: string; grant: string; switches: ClientSwitches };

declare module '@fastify/jwt' {
  interface FastifyJWT {
    user: Caller;
  }
}

export type AccessTokens = {
  /** A token for this grant; `expiresIn` in seconds. */
  issue(grant: Grant): Promise<{ token: string; expiresIn: number }>;
  /**
   * Who stands behind a token of this scope.
   * @throws KysoError accessTokenExpired — it, or its grant, has ended, was revoked, or its client was suspended
   * @throws KysoError accessTokenInvalid — anything else that is not a token of ours
   */
  verify(token: string, scope: Scope): Promise<Caller>;
  /** Ends an access token of this caller's, live or not; false for one that is not theirs or none of ours. */
  revoke(token: string, caller: Caller): Promise<boolean>;
  /** Ends a whole grant of this caller's: its access tokens and its refresh token. */
  revokeGrant(grant: string, caller: Caller): Promise<boolean>;
};

export type TokenKey = { kid: string; secret: Buffer };

/** The key that tokens are signed with: 256 random bits, made at the first start and shared by all machines. */
export async function loadTokenKey(tx: ApiTx): Promise<TokenKey> {
  const secret = Buffer.from(await settingOr(tx, 'accessTokenKey', randomBytes(32).toString('base64')), 'base64');
  return { kid: createHash('sha256').update(secret).digest('base64url').slice(0, 12), secret };
}

/** RFC 9068's type: no other JWT that may ever exist under this key is taken for an access token. */
const tokenType = 'at+jwt';

/** How long an access token is good, in milliseconds; never longer than its grant. */
const lifetime = 3_600_000;

/** Seconds by which another machine's clock may be ahead of ours. */
const skew = 60;

const Claims = Type.Object({
  iss: Type.String(),
  aud: Type.String(),
  sub: Type.String(),
  client: Type.String(),
  grant: Type.String(),
  jti: Type.String({ minLength: 1 }),
  iat: Type.Integer({ minimum: 0 }),
  exp: Type.Integer({ minimum: 1 }),
});
const isClaims = Compile(Claims);
const isHeader = Compile(Type.Object({ kid: Type.String() }));

/** @fastify/jwt with everything pinned that it leaves open by default: algorithm, type, issuer, audience, claims (S35). */
export function tokenOptions({ kid, secret }: TokenKey, issuer: string): FastifyJWTOptions {
  return {
    secret,
    sign: { algorithm: 'HS256', kid, header: { alg: 'HS256', typ: tokenType } },
    verify: {
      algorithms: ['HS256'],
      checkTyp: tokenType,
      allowedIss: issuer,
      allowedAud: audienceOf(issuer),
      requiredClaims: ['iss', 'aud', 'sub', 'client', 'grant', 'jti', 'iat', 'exp'],
      cache: false,
      complete: true,
      // By our own clock, in `claimsOf`.
      ignoreExpiration: true,
    },
  };
}

const audienceOf = (issuer: string) => `${issuer}/csc`;

export function accessTokens(jwt: JWT, key: TokenKey, issuer: string, store: ApiStore, clock: Clock): AccessTokens {
  // A signature stays good or bad; whether the token counts is asked each time, of the clock and of the store. Tokens are
  // remembered by their hashes, since none may stand in memory when it is not used (S4).
  const claimsIn = recent(1000, (token) => claimsOf(jwt, key, token));
  return {
    async issue(grant) {
      const now = clock.now();
      const id = newId();
      const expiresAt = Math.min(now + lifetime, grant.expiresAt);
      const claims: Static<typeof Claims> = {
        iss: issuer,
        aud: audienceOf(issuer),
        sub: grant.subscriber,
        client: grant.client,
        grant: grant.id,
        jti: id,
        iat: Math.floor(now / 1000),
        exp: Math.floor(expiresAt / 1000),
      };
      await store.write((tx) => insertAccessToken(tx, { id, grant: grant.id, expiresAt }));
      return { token: jwt.sign(claims), expiresIn: Math.floor((expiresAt - now) / 1000) };
    },
    async verify(token, scope) {
      const now = clock.now();
      const claims = claimsIn(sha256(token).toString('base64'), token);
      if (claims.exp <= now / 1000) throw new KysoError('accessTokenExpired');
      const fresh = claims.iat <= now / 1000 + skew;
      if (!fresh) throw new KysoError('accessTokenInvalid', 'issued in the future');
      // By its id and never by the token's text, which has more than one spelling (S40).
      const grant = await liveAccess(store.read, claims.jti, now);
      if (!grant) throw new KysoError('accessTokenExpired', 'token or grant is not live');
      if (grant.id !== claims.grant || grant.scope !== scope) throw new KysoError('accessTokenInvalid');
      if (grant.subscriber !== claims.sub || grant.client !== claims.client) throw new KysoError('accessTokenInvalid');
      const { subscriber, client } = grant;
      return { subscriber, client, grant: grant.id, switches: switchesOf(grant) };
    },
    async revoke(token, caller) {
      const id = readJti(jwt, key, token);
      return (
        id !== undefined &&
        store.write(async (tx) => {
          const row = await findAccessToken(tx, id);
          if (!row || !(await isTheirs(tx, row.grant, caller))) return false;
          await revokeAccessToken(tx, id, clock.now());
          return true;
        })
      );
    },
    revokeGrant: (grant, caller) =>
      store.write(async (tx) => {
        if (!(await isTheirs(tx, grant, caller))) return false;
        await revokeGrant(tx, grant, clock.now());
        return true;
      }),
  };
}

/** Of the caller's own person and client, whichever login of theirs it was. */
async function isTheirs(tx: ApiTx, grantId: string, { subscriber, client }: Caller): Promise<boolean> {
  const grant = await findGrant(tx, grantId);
  return grant?.subscriber === subscriber && grant.client === client;
}

/** The id of a token of ours, also of one that has ended by itself. */
function readJti(jwt: JWT, key: TokenKey, token: string): string | undefined {
  try {
    return claimsOf(jwt, key, token).jti;
  } catch {
    return undefined;
  }
}

/**
 * The claims of a token of ours, ended or not; whatever the library throws, and with whatever status, is a token that is
 * not. Without options of its own this call uses the one verifier that was made at the start.
 */
function claimsOf(jwt: JWT, key: TokenKey, token: string): Static<typeof Claims> {
  let decoded: unknown;
  try {
    decoded = jwt.verify(token);
  } catch (cause) {
    throw new KysoError('accessTokenInvalid', undefined, { cause });
  }
  const { header, payload } = decoded as { header: unknown; payload: unknown };
  if (!isHeader.Check(header) || header.kid !== key.kid || !isClaims.Check(payload)) {
    throw new KysoError('accessTokenInvalid');
  }
  return payload;
}
