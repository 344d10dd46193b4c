import Type from 'typebox';
import { decodeBase64 } from '../../base/base64.ts';
import { type ErrorKind, kindOf } from '../../base/errors.ts';
import { digestByOid, hashMember, pssParams, signAlgos } from '../../crypto/algorithms.ts';
import { answers, invalidRequest, otpInvalid } from './errors.ts';
import { namingExpired } from './expired.ts';
import { CredentialId, clientData, exampleHash, exampleSad, Hashes, SadField } from './fields.ts';
import { idempotencyKeyHeader, idempotencyKeyOf, idempotencyRefusals } from './idempotency-key.ts';
import { type Adapt, defineMethod, invalid, missing } from './method.ts';
import {
  authorizedHashes,
  caller,
  canonicalDigests,
  digestLengths,
  hashRows,
  knownCredential,
  knownSad,
} from './rows.ts';

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

/** Refusals of signer whose rows stand below `Hash is not authorized by the SAD.`, which it finds out last. */
const below: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  ...(['hashAlgoInvalid', 'signAlgoInvalid', 'signAlgoParamsInvalid', 'digestLength', 'sadExpired'] as const),
  ...(['certificateExpired', 'certificateStatus', 'credentialDisabled'] as const),
]);

/** CSC v1 §11.9 `signatures/signHash`: signatures over hashes that a SAD allows, in their order. */
export const signHash = defineMethod({
  name: 'signatures/signHash',
  docs: {
    summary: 'Signatures over hashes that a SAD allows, in their order',
    answer: Type.Object({ signatures: Type.Array(Type.String()) }),
    headers: [idempotencyKeyHeader],
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
    signAlgo: Type.String({
      ...{ maxLength: 64, pattern: '^[0-9]+(\\.[0-9]+)+$' },
      description: 'One of key.algo of credentials/info',
    }),
    signAlgoParams: Type.Optional(
      Type.String({
        maxLength: 512,
        description: 'RSASSA-PSS-params (RFC 8017), DER in base64; with RSASSA-PSS alone',
      }),
    ),
    // Ignored where signAlgo implies a hash (CSC v1 §11.9), whatever it is then.
    hashAlgo: Type.Optional(Type.Unknown({ description: 'OID; needed where signAlgo implies no hash' })),
    clientData,
  }),
  rows: [
    missing('string', 'SAD'),
    invalid('SAD'),
    knownSad,
    missing('string', 'credentialID'),
    invalid('credentialID'),
    knownCredential,
    ...hashRows,
    authorizedHashes,
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
  refusals: [
    otpInvalid,
    answers.sadExpired,
    answers.certificateExpired,
    answers.certificateStatus,
    answers.credentialDisabled,
    ...idempotencyRefusals,
  ],
  async handle(parts, body, request) {
    const { signer } = parts;
    const { user, id } = request;
    const { SAD: sad, credentialID, signAlgo, signAlgoParams, hashAlgo } = body;
    const idempotencyKey = idempotencyKeyOf(request);
    const asked = {
      ...{ ...caller(user, id), sad, credentialID, signAlgo, hashes: canonicalDigests(body.hash) },
      ...(hashMember(signAlgo) && typeof hashAlgo === 'string' && { hashAlgo }),
      ...(needsParams(signAlgo) && signAlgoParams !== undefined && { signAlgoParams }),
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    };
    const credential = { subscriber: user.subscriber, credentialID };
    return namingExpired(signer, credential, async () => {
      try {
        return await signer.call('signatures.signHash', asked);
      } catch (error) {
        if (below.has(kindOf(error))) await authorizedHashes.ask(parts, body, request);
        throw error;
      }
    });
  },
});
