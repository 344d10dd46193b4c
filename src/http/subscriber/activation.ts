import Type from 'typebox';
import { failpoint } from '../../base/failpoint.ts';
import { assertGoodPassword } from '../logins.ts';
import { sourceOf } from '../throttle.ts';
import { closed, fields, route } from './route.ts';

const half = Type.String({ minLength: 1, maxLength: 64 });
const halves = { userID: fields.userID, emailHalf: half, smsHalf: half };

/**
 * First step of an activation: what the authenticator application needs, as base32 text and as an otpauth URI. There is
 * no token yet: the two halves of the activation data, which only the holder has both of, are the authentication.
 * Refused with activationInvalid — the halves are wrong, used up or too old; tooManyRequests.
 */
export const begin = route({
  method: 'POST',
  url: '/activation/begin',
  authentication: 'activation',
  input: closed(halves),
  handle: ({ signer, activationTries }, { userID, emailHalf: email, smsHalf: sms }, { id: request, ip }) =>
    activationTries(sourceOf(ip), () => signer.call('activation.begin', { userID, halves: { email, sms }, request })),
});

/**
 * Second step: signer sets the PIN and checks the first code, then the login is stored here. Signer accepts the same
 * halves and PIN again, so whoever repeats the request after a crash in between completes it. Refused with
 * passwordRefused — not 10 to 256 characters, or equal to PIN or user ID; tooManyRequests; what signer says.
 */
export const complete = route({
  method: 'POST',
  url: '/activation/complete',
  authentication: 'activation',
  input: closed({ ...halves, password: Type.String({ maxLength: 1024 }), pin: fields.pin, otp: fields.otp }),
  async handle({ signer, logins, activationTries }, body, { id: request, ip }) {
    const { userID, emailHalf: email, smsHalf: sms, password, pin, otp } = body;
    assertGoodPassword(password, [pin, userID]);
    const { subscriber } = await activationTries(sourceOf(ip), () =>
      signer.call('activation.complete', { userID, halves: { email, sms }, pin, otp, request }),
    );
    await failpoint('activation.passed');
    await logins.enrol(userID, subscriber, password);
    await failpoint('login.enrolled');
    return undefined;
  },
});
