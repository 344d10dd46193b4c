import Type from 'typebox';
import { multisign } from '../../ipc/signer-contract.ts';
import { answers, otpInvalid, pinInvalid } from './errors.ts';
import { namingExpired } from './expired.ts';
import { CredentialId, clientData, exampleHash, exampleSad, Hashes, SadAnswer } from './fields.ts';
import { defineMethod, invalid, missing } from './method.ts';
import { caller, canonicalDigests, digestLengths, hashRows, usableCredential } from './rows.ts';

/**
 * CSC v1 §11.6 `credentials/authorize`: a SAD for these hashes. SCAL is always 2, so the hashes are required; both
 * factors are too. Signer checks all of it again and decides.
 */
export const credentialsAuthorize = defineMethod({
  name: 'credentials/authorize',
  docs: {
    summary: 'A SAD for these hashes, for PIN and one-time code',
    answer: SadAnswer,
    example: {
      request: {
        credentialID: '1xRzSk5GZ7vD0mJp3w9QaA',
        numSignatures: 1,
        hash: [exampleHash],
        PIN: 'hoa-sen-2026',
        OTP: '492039',
      },
      answer: exampleSad,
    },
  },
  authentication: 'bearer',
  adapt(body, { numSignaturesAsText }) {
    const { numSignatures } = body;
    if (numSignaturesAsText && typeof numSignatures === 'string' && /^[0-9]{1,9}$/.test(numSignatures))
      body.numSignatures = Number(numSignatures);
  },
  body: Type.Object({
    credentialID: CredentialId,
    numSignatures: Type.Integer({ minimum: 1, maximum: multisign }),
    hash: Hashes,
    PIN: Type.String({ minLength: 1, maxLength: 256 }),
    OTP: Type.String({ minLength: 1, maxLength: 16, description: 'Good once' }),
    description: Type.Optional(Type.String({ maxLength: 500, description: 'What is signed, in words' })),
    clientData,
  }),
  rows: [
    missing('string', 'credentialID'),
    invalid('credentialID'),
    usableCredential,
    missing('integer', 'numSignatures'),
    { field: 'numSignatures', keywords: ['minimum'], answer: answers.numSignaturesInvalid },
    { field: 'numSignatures', keywords: ['maximum'], answer: answers.numSignaturesTooHigh },
    ...hashRows,
    digestLengths,
    {
      fails: ({ hash, numSignatures }, { user }) =>
        user.switches.openSlots ? hash.length > numSignatures : hash.length !== numSignatures,
      answer: answers.numSignaturesInvalid,
    },
    { field: 'OTP', answer: otpInvalid },
    { field: 'PIN', answer: pinInvalid },
    invalid('description'),
    invalid('clientData'),
  ],
  refusals: [answers.pinLocked, answers.otpLocked],
  async handle({ signer }, body, { id: request, user }) {
    const { credentialID, numSignatures, PIN: pin, OTP: otp } = body;
    const hashes = canonicalDigests(body.hash);
    const credential = { subscriber: user.subscriber, credentialID };
    const { sad, expiresIn } = await namingExpired(signer, credential, () =>
      signer.call('credentials.authorize', {
        ...caller(user, request),
        ...{ credentialID, numSignatures, hashes, openSlots: user.switches.openSlots, pin, otp },
      }),
    );
    return { SAD: sad, expiresIn };
  },
});
