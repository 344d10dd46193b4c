import Type from 'typebox';
import { KysoError } from '../../base/errors.ts';
import { isRefreshToken } from '../refresh.ts';
import { invalidRequest } from './errors.ts';
import { clientData } from './fields.ts';
import { defineMethod, invalid, missing, noContent } from './method.ts';

/**
 * CSC v1 §11.3 `auth/revoke`: ends a token of the caller's at once. A refresh token takes its grant and all its access
 * tokens along; an access token goes alone. A wrong hint is only a hint (RFC 7009 §2.1).
 */
export const revoke = defineMethod({
  name: 'auth/revoke',
  docs: {
    summary: 'Ends an access token, or a refresh token with all that came of it',
    example: {
      request: { token: 'QkXf1x0r7lJ3mZq9d2c8v4b6n5t1y7u3w9e2a8s4d6f', token_type_hint: 'refresh_token' },
    },
  },
  authentication: 'bearer',
  body: Type.Object({
    token: Type.String({ minLength: 1, maxLength: 4096 }),
    token_type_hint: Type.Optional(Type.Enum(['access_token', 'refresh_token'])),
    clientData,
  }),
  rows: [
    missing('string', 'token'),
    { field: 'token_type_hint', answer: invalidRequest('Invalid string parameter token_type_hint') },
    { field: 'token', answer: invalidRequest('Invalid string parameter token') },
    invalid('clientData'),
  ],
  async handle({ tokens, refresh }, { token }, { user }) {
    const grant = isRefreshToken(token) ? await refresh.grantOf(token) : undefined;
    const ended = grant === undefined ? await tokens.revoke(token, user) : await tokens.revokeGrant(grant, user);
    if (!ended) throw new KysoError('tokenUnknown');
    return noContent;
  },
});
