import { closed, fields, route } from './route.ts';

/**
 * Begins the move of the authenticator app to a new phone, with the PIN, after somebody who knows the holder attested
 * that phone. Refused with moveNotAllowed, pinInvalid, pinLocked.
 */
export const begin = route({
  method: 'POST',
  url: '/totp/begin',
  authentication: 'bearer',
  input: closed({ pin: fields.pin }),
  handle: ({ signer }, { pin }, { user, id: request }) =>
    signer.call('totpMove.begin', { subscriber: user.subscriber, pin, request }),
});

/** A code of the new app confirms it; the answer says from when it counts. Refused with moveNotAllowed, otp…. */
export const confirm = route({
  method: 'POST',
  url: '/totp/confirm',
  authentication: 'bearer',
  input: closed({ otp: fields.otp }),
  handle: ({ signer }, { otp }, { user, id: request }) =>
    signer.call('totpMove.confirm', { subscriber: user.subscriber, otp, request }),
});

/** Stops a move that does not count yet. Refused with moveNotAllowed when there is none. */
export const cancel = route({
  method: 'POST',
  url: '/totp/cancel',
  authentication: 'bearer',
  input: closed({}),
  async handle({ signer }, _input, { user, id: request }) {
    await signer.call('totpMove.cancel', { subscriber: user.subscriber, request });
    return undefined;
  },
});
