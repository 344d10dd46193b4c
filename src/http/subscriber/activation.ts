import Type, { type Static } from 'typebox';
import type { Peer } from '../../ipc/contract.ts';
import type { SignerContract } from '../../ipc/signer-contract.ts';
import { assertGoodPassword, type LoginDesk } from '../logins.ts';

export type SubscriberParts = { signer: Peer<SignerContract>; logins: LoginDesk };

const half = Type.String({ minLength: 1, maxLength: 64 });
const closed = { additionalProperties: false };

const halves = { userID: Type.String({ minLength: 1, maxLength: 128 }), emailHalf: half, smsHalf: half };

export const Begin = Type.Object(halves, closed);
export type Begin = Static<typeof Begin>;

export const Complete = Type.Object(
  {
    ...halves,
    password: Type.String({ maxLength: 1024 }),
    pin: Type.String({ minLength: 1, maxLength: 256 }),
    otp: Type.String({ minLength: 1, maxLength: 16 }),
  },
  closed,
);
export type Complete = Static<typeof Complete>;

/**
 * First step of an activation: what the authenticator application needs, as base32 text and as an otpauth URI.
 * @throws KysoError activationInvalid — the halves are wrong, used up or too old
 */
export function begin({ signer }: SubscriberParts, body: Begin, request: string) {
  const { userID, emailHalf: email, smsHalf: sms } = body;
  return signer.call('activation.begin', { userID, halves: { email, sms }, request });
}

/**
 * Second step: signer sets the PIN and checks the first code, then the login is stored here. Signer accepts the same
 * halves and PIN again, so whoever repeats the request after a crash in between completes it.
 * @throws KysoError passwordRefused — not 10 to 256 characters, or equal to PIN or user ID
 * @throws KysoError activationInvalid, pinRefused, otpInvalid, … — what signer says
 */
export async function complete({ signer, logins }: SubscriberParts, body: Complete, request: string): Promise<void> {
  const { userID, emailHalf: email, smsHalf: sms, password, pin, otp } = body;
  assertGoodPassword(password, [pin, userID]);
  const { subscriber } = await signer.call('activation.complete', {
    userID,
    halves: { email, sms },
    pin,
    otp,
    request,
  });
  await logins.enrol(userID, subscriber, password);
}
