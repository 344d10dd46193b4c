import { createHash, randomBytes } from 'node:crypto';
import type { FastifyJWTOptions, JWT } from '@fastify/jwt';
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Clock } from '../../base/clock.ts';
import { KysoError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { liveGrant } from '../../store/api/grants.ts';
import { settingOr } from '../../store/api/settings.ts';
import type { ApiStore, ApiTx, Grant } from '../../store/api/tables.ts';

/** Which login is asking: what signer gets to narrow a SAD with. */
export type Caller = { subscriber: string; client: string; grant: string };

declare module '@fastify/jwt' {
  interface FastifyJWT {
    user: Caller;
  }
}

export type AccessTokens = {
  /** A token for this grant, as long as the grant itself. */
  issue(grant: Grant): string;
  /**
   * Who stands behind a token.
   * @throws KysoError accessTokenExpired — it, or its grant, has ended, was revoked, or its client was suspended
   * @throws KysoError accessTokenInvalid — anything else that is not a token of ours
   */
  verify(token: string): Promise<Caller>;
};

export type TokenKey = { kid: string; secret: Buffer };

/** The key that tokens are signed with: 256 random bits, made at the first start and shared by all machines. */
export async function loadTokenKey(tx: ApiTx): Promise<TokenKey> {
  const secret = Buffer.from(await settingOr(tx, 'accessTokenKey', randomBytes(32).toString('base64')), 'base64');
  return { kid: createHash('sha256').update(secret).digest('base64url').slice(0, 12), secret };
}

/** RFC 9068's type: no other JWT that may ever exist under this key is taken for an access token. */
const tokenType = 'at+jwt';

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
    },
  };
}

const audienceOf = (issuer: string) => `${issuer}/csc`;

export function accessTokens(jwt: JWT, key: TokenKey, issuer: string, store: ApiStore, clock: Clock): AccessTokens {
  return {
    issue(grant) {
      const claims: Static<typeof Claims> = {
        iss: issuer,
        aud: audienceOf(issuer),
        sub: grant.subscriber,
        client: grant.client,
        grant: grant.id,
        jti: newId(),
        iat: Math.floor(grant.createdAt / 1000),
        exp: Math.floor(grant.expiresAt / 1000),
      };
      return jwt.sign(claims);
    },
    async verify(token) {
      const now = clock.now();
      const claims = claimsOf(jwt, key, token, now);
      const fresh = claims.iat <= now / 1000 + skew;
      if (!fresh) throw new KysoError('accessTokenInvalid', 'issued in the future');
      // By the grant's id and never by the token's text, which has more than one spelling (S40).
      const grant = await liveGrant(store.read, claims.grant, now);
      if (!grant) throw new KysoError('accessTokenExpired', 'the grant is not live');
      if (grant.subscriber !== claims.sub || grant.client !== claims.client) throw new KysoError('accessTokenInvalid');
      return { subscriber: grant.subscriber, client: grant.client, grant: grant.id };
    },
  };
}

/** The claims of a token of ours; whatever the library throws, and with whatever status, is a token that is not. */
function claimsOf(jwt: JWT, key: TokenKey, token: string, now: number): Static<typeof Claims> {
  let decoded: unknown;
  try {
    decoded = jwt.verify(token, { complete: true, clockTimestamp: now });
  } catch (cause) {
    const expired = cause instanceof Error && 'code' in cause && cause.code === 'FAST_JWT_EXPIRED';
    throw new KysoError(expired ? 'accessTokenExpired' : 'accessTokenInvalid', undefined, { cause });
  }
  const { header, payload } = decoded as { header: unknown; payload: unknown };
  if (!isHeader.Check(header) || header.kid !== key.kid || !isClaims.Check(payload)) {
    throw new KysoError('accessTokenInvalid');
  }
  return payload;
}
