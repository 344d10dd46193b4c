import Type from 'typebox';
import { digestByOid, hashMember, signAlgos } from '../../crypto/algorithms.ts';
import { answers, invalidRequest } from './errors.ts';
import { namingExpired } from './expired.ts';
import { CredentialId, Hashes } from './fields.ts';
import { defineMethod, invalid, missing } from './method.ts';
import { caller, canonicalDigests, digestLengths, hashRows, knownCredential } from './rows.ts';

const hashAlgoMissing = invalidRequest('Missing (or invalid type) string parameter hashAlgo');

/** True for the algorithms that imply no hash, so that `hashAlgo` counts; elsewhere it is ignored (CSC v1 §11.9). */
function needsHashAlgo(signAlgo: string): boolean {
  return hashMember(signAlgo) === 'hashAlgo';
}

/** CSC v1 §11.9 `signatures/signHash`: signatures over hashes that a SAD allows, in their order. */
export const signHash = defineMethod({
  name: 'signatures/signHash',
  authentication: 'bearer',
  body: Type.Object({
    SAD: Type.String({ minLength: 1, maxLength: 256 }),
    credentialID: CredentialId,
    hash: Hashes,
    signAlgo: Type.String({ maxLength: 64, pattern: '^[0-9]+(\\.[0-9]+)+$' }),
    signAlgoParams: Type.Optional(Type.String()),
    hashAlgo: Type.Optional(Type.Unknown()),
    clientData: Type.Optional(Type.String()),
  }),
  rows: [
    missing('string', 'SAD'),
    invalid('SAD'),
    missing('string', 'credentialID'),
    invalid('credentialID'),
    knownCredential,
    ...hashRows,
    missing('string', 'signAlgo'),
    missing('string', 'signAlgoParams'),
    {
      fails: ({ signAlgo, hashAlgo }) => needsHashAlgo(signAlgo) && typeof hashAlgo !== 'string',
      answer: hashAlgoMissing,
    },
    {
      fails: ({ signAlgo, hashAlgo }) => needsHashAlgo(signAlgo) && !digestByOid(String(hashAlgo)),
      answer: answers.hashAlgoInvalid,
    },
    invalid('signAlgo'),
    {
      fails: ({ signAlgo }) => !signAlgos.some((algo) => algo.oid === signAlgo),
      answer: answers.signAlgoInvalid,
    },
    invalid('clientData'),
    digestLengths,
  ],
  async handle({ signer }, body, { id: request, user }) {
    const { SAD: sad, credentialID, signAlgo, hashAlgo } = body;
    const hashes = canonicalDigests(body.hash);
    const named = needsHashAlgo(signAlgo) ? { hashAlgo: String(hashAlgo) } : {};
    const credential = { subscriber: user.subscriber, credentialID };
    return namingExpired(signer, credential, () =>
      signer.call('signatures.signHash', {
        ...caller(user, request),
        ...{ sad, credentialID, hashes, signAlgo, ...named },
      }),
    );
  },
});
