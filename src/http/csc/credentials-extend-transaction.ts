import Type from 'typebox';
import { answers } from './errors.ts';
import { namingExpired } from './expired.ts';
import { CredentialId, clientData, exampleHash, exampleSad, Hashes, SadAnswer, SadField } from './fields.ts';
import { defineMethod, invalid, missing } from './method.ts';
import { caller, canonicalDigests, digestLengths, hashRows, usableCredential } from './rows.ts';

/**
 * CSC v1 §11.7 `credentials/extendTransaction`: a new SAD for what an authorization still allows. It never replaces a
 * hash that was bound (design §4): hashes here must be among the unsigned ones, or fill slots that were left open. With
 * none, the SAD is only renewed.
 */
export const extendTransaction = defineMethod({
  name: 'credentials/extendTransaction',
  docs: {
    summary: 'A new SAD for what an authorization still allows',
    answer: SadAnswer,
    example: {
      request: { credentialID: '1xRzSk5GZ7vD0mJp3w9QaA', SAD: exampleSad.SAD, hash: [exampleHash] },
      answer: exampleSad,
    },
  },
  authentication: 'bearer',
  body: Type.Object({
    credentialID: CredentialId,
    hash: Type.Optional(Hashes),
    SAD: SadField,
    clientData,
  }),
  rows: [
    missing('string', 'credentialID'),
    invalid('credentialID'),
    usableCredential,
    ...hashRows,
    { ...digestLengths, fails: ({ hash }) => hash !== undefined && digestLengths.fails({ hash }) },
    missing('string', 'SAD'),
    invalid('SAD'),
    invalid('clientData'),
  ],
  refusals: [answers.sadExpired, answers.hashNotAuthorized],
  async handle({ signer }, { credentialID, hash = [], SAD: sad }, { id: request, user }) {
    const hashes = canonicalDigests(hash);
    const asked = { ...caller(user, request), credentialID, sad, hashes };
    const credential = { subscriber: user.subscriber, credentialID };
    const extended = await namingExpired(signer, credential, () => signer.call('credentials.extendTransaction', asked));
    return { SAD: extended.sad, expiresIn: extended.expiresIn };
  },
});
