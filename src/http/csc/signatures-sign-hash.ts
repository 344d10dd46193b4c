import Type from 'typebox';
import { decodeBase64 } from '../../base/base64.ts';
import { digestByOid, hashMember, pssParams, signAlgos } from '../../crypto/algorithms.ts';
import { answers, invalidRequest } from './errors.ts';
import { namingExpired } from './expired.ts';
import { CredentialId, exampleHash, exampleSad, Hashes, SadField } from './fields.ts';
import { type Adapt, defineMethod, invalid, missing } from './method.ts';
import { caller, canonicalDigests, digestLengths, hashRows, knownCredential } from './rows.ts';

const needsHashAlgo = (signAlgo: unknown) => hashMember(String(signAlgo)) === 'hashAlgo';
const needsParams = (signAlgo: unknown) => hashMember(String(signAlgo)) === 'signAlgoParams';
const usableHashAlgo = (hashAlgo: unknown) => typeof hashAlgo === 'string' && digestByOid(hashAlgo) !== undefined;

/** RSASSA-PSS without parameters: the hash of hashAlgo, MGF1 with it, a salt of its length. */
const adapt: Adapt = (body, { pssDefaults }) => {
  const { signAlgo, signAlgoParams, hashAlgo } = body;
  if (!pssDefaults || signAlgoParams !== undefined || !needsParams(signAlgo)) return;
  const digest = digestByOid(String(hashAlgo));
  if (digest) body.signAlgoParams = pssParams(digest).toString('base64');
};

/** CSC v1 §11.9 `signatures/signHash`: signatures over hashes that a SAD allows, in their order. */
export const signHash = defineMethod({
  name: 'signatures/signHash',
  docs: {
    summary: 'Signatures over hashes that a SAD allows, in their order',
    answer: Type.Object({ signatures: Type.Array(Type.String()) }),
    example: {
      request: {
        credentialID: '1xRzSk5GZ7vD0mJp3w9QaA',
        SAD: exampleSad.SAD,
        hash: [exampleHash],
        signAlgo: '1.2.840.10045.4.3.2',
      },
      answer: {
        signatures: [
          'MEUCIQDqjL0xVt7Xo0m5iQe1lYw2h0e8R6V2cB1s9o3YB1bXfwIgTz1G5m0w7n0bq4bS2tJ8l2h1bq1oXW0v2o6m7k8d9eE=',
        ],
      },
    },
  },
  authentication: 'bearer',
  adapt,
  body: Type.Object({
    SAD: SadField,
    credentialID: CredentialId,
    hash: Hashes,
    signAlgo: Type.String({ maxLength: 64, pattern: '^[0-9]+(\\.[0-9]+)+$' }),
    signAlgoParams: Type.Optional(Type.String({ maxLength: 1024 })),
    // Ignored where signAlgo implies a hash (CSC v1 §11.9), whatever it is then.
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
      fails: ({ signAlgo, signAlgoParams }) => needsParams(signAlgo) && signAlgoParams === undefined,
      answer: invalidRequest('Missing (or invalid type) string parameter signAlgoParams'),
    },
    {
      fails: ({ signAlgo, hashAlgo }) => needsHashAlgo(signAlgo) && typeof hashAlgo !== 'string',
      answer: invalidRequest('Missing (or invalid type) string parameter hashAlgo'),
    },
    {
      fails: ({ signAlgo, hashAlgo }) => needsHashAlgo(signAlgo) && !usableHashAlgo(hashAlgo),
      answer: answers.hashAlgoInvalid,
    },
    {
      // With PSS the parameters name the hash; a hashAlgo beside them must be one that could agree.
      fails: ({ signAlgo, hashAlgo }) => needsParams(signAlgo) && hashAlgo !== undefined && !usableHashAlgo(hashAlgo),
      answer: answers.hashAlgoInvalid,
    },
    invalid('signAlgo'),
    {
      fails: ({ signAlgo }) => !signAlgos.some((algo) => algo.oid === signAlgo),
      answer: answers.signAlgoInvalid,
    },
    invalid('signAlgoParams'),
    {
      fails: ({ signAlgo, signAlgoParams }) => needsParams(signAlgo) && !decodeBase64(signAlgoParams ?? ''),
      answer: answers.signAlgoParamsInvalid,
    },
    invalid('clientData'),
    digestLengths,
  ],
  async handle({ signer }, body, { id: request, user }) {
    const { SAD: sad, credentialID, signAlgo, signAlgoParams, hashAlgo } = body;
    const asked = {
      ...{ ...caller(user, request), sad, credentialID, signAlgo, hashes: canonicalDigests(body.hash) },
      ...(hashMember(signAlgo) && typeof hashAlgo === 'string' && { hashAlgo }),
      ...(needsParams(signAlgo) && signAlgoParams !== undefined && { signAlgoParams }),
    };
    const credential = { subscriber: user.subscriber, credentialID };
    return namingExpired(signer, credential, () => signer.call('signatures.signHash', asked));
  },
});
