import Type from 'typebox';
import { decodeDigest } from '../../base/base64.ts';
import { digestByOid, digests } from '../../crypto/algorithms.ts';
import { answers, invalidRequest } from './errors.ts';
import { clientData, exampleHash } from './fields.ts';
import { defineMethod, invalid, missing } from './method.ts';

type Body = { hash: string; hashAlgo: string };

/** The digest has the length of its algorithm; what is no digest at all another row has refused. */
function fitting({ hash, hashAlgo }: Body): boolean {
  const name = digestByOid(hashAlgo);
  return name !== undefined && decodeDigest(hash)?.length === digests[name].length;
}

/** CSC v1 §11.10 `signatures/timestamp`: a TimeStampToken (RFC 3161, RFC 5816) over a hash. */
export const timestamp = defineMethod({
  name: 'signatures/timestamp',
  docs: {
    summary: 'A timestamp token over a hash',
    answer: Type.Object({
      timestamp: Type.String({ description: 'TimeStampToken (RFC 3161, RFC 5816), DER, base64' }),
    }),
    example: {
      request: { hash: exampleHash, hashAlgo: '2.16.840.1.101.3.4.2.1', nonce: '5A3F0C9B7E21D448' },
      answer: { timestamp: 'MIIG…' },
    },
  },
  authentication: 'bearer',
  body: Type.Object({
    hash: Type.String({
      ...{ format: 'digest', minLength: 1 },
      description: 'A SHA-256, SHA-384 or SHA-512 digest, in base64 or base64url',
    }),
    hashAlgo: Type.String({ description: 'OID of the digest algorithm' }),
    nonce: Type.Optional(
      Type.String({
        ...{ minLength: 1, maxLength: 64, pattern: '^[0-9A-Fa-f]+$' },
        description: 'A number in hex; the token repeats it',
      }),
    ),
    clientData,
  }),
  rows: [
    missing('string', 'hash'),
    { field: 'hash', keywords: ['minLength'], answer: invalidRequest('Empty hash parameter') },
    { field: 'hash', answer: invalidRequest('Invalid Base64 hash string parameter') },
    invalid('hashAlgo'),
    { fails: ({ hashAlgo }: Body) => !digestByOid(hashAlgo), answer: answers.hashAlgoInvalid },
    // Printed above the two before it; but a length is right or wrong for one algorithm only.
    { fails: (body: Body) => !fitting(body), answer: answers.digestLength },
    invalid('nonce'),
    invalid('clientData'),
  ],
  async handle({ ca }, { hash, hashAlgo, nonce }) {
    const canonical = decodeDigest(hash)?.toString('base64') ?? '';
    const { token } = await ca.call('timestamp.token', {
      ...{ hashAlgo, hash: canonical },
      ...(nonce !== undefined && { nonce }),
    });
    return { timestamp: token };
  },
});
