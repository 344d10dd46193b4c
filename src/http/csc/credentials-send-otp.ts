import Type from 'typebox';
import { answers, invalidRequest } from './errors.ts';
import { namingExpired } from './expired.ts';
import { CredentialId, clientData } from './fields.ts';
import { defineMethod, invalid, missing, noContent } from './method.ts';
import { caller, usableCredential } from './rows.ts';

/** Printed so in the specification, for this method alone. */
const malformedHeader = invalidRequest('Malformed authroization header.');

/**
 * CSC v1 §11.8 `credentials/sendOTP`: has signer send a one-time code to the owner's official e-mail, for a credential
 * whose OTP is `online`. The code goes from signer to notify and never comes by here.
 */
export const sendOTP = defineMethod({
  name: 'credentials/sendOTP',
  docs: {
    summary: "Sends a one-time code to the owner's official e-mail",
    example: { request: { credentialID: 'c9dPpM2rTqY6uWbN4e8LZg' } },
  },
  authentication: 'bearer',
  malformedHeader,
  body: Type.Object({ credentialID: CredentialId, clientData }),
  rows: [missing('string', 'credentialID'), invalid('credentialID'), usableCredential, invalid('clientData')],
  refusals: [answers.otpNotOnline, answers.otpLocked, answers.tooManyRequests],
  async handle({ signer }, { credentialID }, { id: request, user }) {
    const credential = { subscriber: user.subscriber, credentialID };
    await namingExpired(signer, credential, () =>
      signer.call('credentials.sendOTP', { ...caller(user, request), credentialID }),
    );
    return user.switches.sendOtpBody ? {} : noContent;
  },
});
