import Type from 'typebox';
import { closed, fields, route } from './route.ts';

/** How the account stands: whose it is, active or frozen, what is locked until when, a move to a new phone. */
export const status = route({
  method: 'GET',
  url: '/account',
  authentication: 'bearer',
  input: closed({}),
  handle: ({ signer }, _input, { user }) => signer.call('account.status', { subscriber: user.subscriber }),
});

/** A new PIN; the old one is the proof. Refused with pinInvalid, pinLocked, pinRefused. */
export const changePin = route({
  method: 'POST',
  url: '/pin',
  authentication: 'bearer',
  input: closed({ pin: fields.pin, newPin: fields.pin }),
  async handle({ signer }, { pin, newPin }, { user, id: request }) {
    await signer.call('account.changePin', { subscriber: user.subscriber, pin, newPin, request });
    return undefined;
  },
});

/** Signing off at once. It asks for nothing but the login: stopping must be easy. */
export const freeze = route({
  method: 'POST',
  url: '/freeze',
  authentication: 'bearer',
  input: closed({}),
  async handle({ signer }, _input, { user, id: request }) {
    await signer.call('account.freeze', { subscriber: user.subscriber, request });
    return undefined;
  },
});

/** Signing on again, with a code of the authenticator app and the PIN. Refused with otp… or pin…. */
export const unfreeze = route({
  method: 'POST',
  url: '/unfreeze',
  authentication: 'bearer',
  input: closed({ pin: fields.pin, otp: fields.otp }),
  async handle({ signer }, { pin, otp }, { user, id: request }) {
    await signer.call('account.unfreeze', { subscriber: user.subscriber, pin, otp, request });
    return undefined;
  },
});

const defaultLimit = 20;

/** What happened to the account and its keys, newest first; `before` of an answer gets the next page. */
export const history = route({
  method: 'GET',
  url: '/history',
  authentication: 'bearer',
  input: closed({
    before: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' })),
    limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]?|100)$' })),
  }),
  handle: ({ signer }, { before, limit }, { user }) =>
    signer.call('account.history', {
      subscriber: user.subscriber,
      limit: limit === undefined ? defaultLimit : Number(limit),
      ...(before !== undefined && { before }),
    }),
});
