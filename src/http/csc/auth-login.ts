import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { decodeBase64 } from '../../base/base64.ts';
import type { Grant } from '../../store/api/tables.ts';
import { isRefreshToken } from '../refresh.ts';
import { sourceOf } from '../throttle.ts';
import { type Answer, answers, invalidRequest, malformed, Refusal } from './errors.ts';
import { clientData } from './fields.ts';
import { type CscParts, defineMethod, invalid } from './method.ts';

const malformedHeader: Answer = {
  status: 401,
  error: 'invalid_request',
  text: 'Malformed authentication parameter.',
  headers: { 'WWW-Authenticate': 'Basic realm="csc", charset="UTF-8"' },
};

const malformedPair = invalidRequest('Malformed username-password.');

/**
 * CSC v1 §11.2 `auth/login`: an access token for a user ID and password (RFC 7617, UTF-8), or for a refresh token that
 * an earlier login with `rememberMe` gave.
 */
export const login = defineMethod({
  name: 'auth/login',
  docs: {
    summary: 'An access token for a user ID and password (HTTP Basic), or for a refresh token',
    answer: Type.Object({
      access_token: Type.String(),
      refresh_token: Type.Optional(Type.String()),
      expires_in: Type.Integer({ description: 'seconds' }),
    }),
    example: {
      request: { rememberMe: true },
      answer: {
        access_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl',
        refresh_token: 'QkXf1x0r7lJ3mZq9d2c8v4b6n5t1y7u3w9e2a8s4d6f',
        expires_in: 3600,
      },
    },
  },
  authentication: 'basic',
  body: Type.Object({
    refresh_token: Type.Optional(Type.String({ description: 'In place of user ID and password; good once' })),
    rememberMe: Type.Optional(Type.Boolean({ description: 'Answer a refresh token, too' })),
    clientData,
  }),
  rows: [
    { field: 'refresh_token', answer: invalidRequest('Invalid string parameter: refresh_token') },
    {
      fails: ({ refresh_token: token }) => token !== undefined && !isRefreshToken(token),
      answer: invalidRequest('Invalid string parameter: refresh_token'),
    },
    invalid('rememberMe'),
    invalid('clientData'),
  ],
  refusals: [
    ...[malformedHeader, malformedPair, answers.refreshInvalid, answers.loginInvalid],
    answers.clientSuspended,
  ],
  async handle(parts, { refresh_token: refreshToken, rememberMe = false }, request) {
    const { grant, next } =
      refreshToken === undefined
        ? await byPassword(parts, request, rememberMe)
        : await byRefreshToken(parts, request, refreshToken, rememberMe);
    const { token, expiresIn } = await parts.tokens.issue(grant);
    return { access_token: token, ...(next && { refresh_token: next }), expires_in: expiresIn };
  },
});

type Granted = { grant: Grant; next?: string };

async function byPassword(
  { logins, refresh }: CscParts,
  { headers, ip }: FastifyRequest,
  rememberMe: boolean,
): Promise<Granted> {
  const credentials = credentialsOf(headers.authorization);
  const grant = await logins.login({ ...credentials, source: sourceOf(ip), scope: 'csc', rememberMe });
  return { grant, ...(rememberMe && { next: await refresh.issue(grant) }) };
}

/** With a refresh token the header must not carry credentials besides (CSC v1 §11.2). */
async function byRefreshToken(
  { refresh }: CscParts,
  { headers }: FastifyRequest,
  refreshToken: string,
  rememberMe: boolean,
): Promise<Granted> {
  if (headers.authorization !== undefined) throw new Refusal(malformed);
  return refresh.use(refreshToken, rememberMe);
}

/** RFC 7617 §2: neither of the two holds control characters. (PostgreSQL would take no NUL.) */
const control = /\p{Cc}/u;

function credentialsOf(header: string | undefined): { userID: string; password: string } {
  const encoded = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1];
  const bytes = encoded === undefined ? undefined : decodeBase64(encoded);
  if (!bytes) throw new Refusal(malformedHeader);
  const text = utf8(bytes) ?? '';
  const pair = /^([^:]+):(.+)$/.exec(text);
  if (!pair?.[1] || !pair[2] || control.test(text)) throw new Refusal(malformedPair);
  return { userID: pair[1], password: pair[2] };
}

function utf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
