import Type from 'typebox';
import { decodeBase64 } from '../../base/base64.ts';
import { grantSeconds } from '../logins.ts';
import { type Answer, invalidRequest, Refusal } from './errors.ts';
import { defineMethod, invalid } from './method.ts';

const malformedHeader: Answer = {
  status: 401,
  error: 'invalid_request',
  text: 'Malformed authentication parameter.',
  headers: { 'WWW-Authenticate': 'Basic realm="csc", charset="UTF-8"' },
};

/** CSC v1 §11.2 `auth/login`: an access token for a user ID and password (RFC 7617, UTF-8). */
export const login = defineMethod({
  name: 'auth/login',
  authentication: 'basic',
  body: Type.Object({
    refresh_token: Type.Optional(Type.String()),
    rememberMe: Type.Optional(Type.Boolean()),
    clientData: Type.Optional(Type.String()),
  }),
  rows: [
    { field: 'refresh_token', answer: invalidRequest('Invalid string parameter: refresh_token') },
    // No refresh token was ever issued, so none is valid; `rememberMe` asks for one and gets none.
    { fails: (body) => body.refresh_token !== undefined, answer: invalidRequest('Invalid refresh_token') },
    invalid('rememberMe'),
    invalid('clientData'),
  ],
  async handle({ logins, tokens }, _body, request) {
    const { userID, password } = credentialsOf(request.headers.authorization);
    const grant = await logins.login(userID, password);
    return { access_token: tokens.issue(grant), expires_in: grantSeconds };
  },
});

function credentialsOf(header: string | undefined): { userID: string; password: string } {
  const encoded = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1];
  const bytes = encoded === undefined ? undefined : decodeBase64(encoded);
  if (!bytes) throw new Refusal(malformedHeader);
  const pair = /^([^:]+):(.+)$/s.exec(utf8(bytes) ?? '');
  if (!pair?.[1] || !pair[2]) throw new Refusal(invalidRequest('Malformed username-password.'));
  return { userID: pair[1], password: pair[2] };
}

function utf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
