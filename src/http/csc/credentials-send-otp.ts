import Type from 'typebox';
import { invalidRequest } from './errors.ts';
import { CredentialId } from './fields.ts';
import { defineMethod, invalid, missing, noContent } from './method.ts';
import { caller } from './rows.ts';

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
  body: Type.Object({ credentialID: CredentialId, clientData: Type.Optional(Type.String()) }),
  rows: [missing('string', 'credentialID'), invalid('credentialID'), invalid('clientData')],
  async handle({ signer }, { credentialID }, { id: request, user }) {
    await signer.call('credentials.sendOTP', { ...caller(user, request), credentialID });
    return user.switches.sendOtpBody ? {} : noContent;
  },
});
