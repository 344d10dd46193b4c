import type { FastifyRequest } from 'fastify';
import { decodeDigest } from '../../base/base64.ts';
import { KysoError } from '../../base/errors.ts';
import { digestByLength } from '../../crypto/algorithms.ts';
import type { Caller } from './access-tokens.ts';
import { answers, invalidRequest } from './errors.ts';
import { expired } from './expired.ts';
import { type CscParts, missing } from './method.ts';

type WithCredential = { credentialID: string };
type WithHashes = { hash: string[] };
type WithSad = { SAD: string };

/** `Invalid parameter credentialID` for one that is unknown or not the caller's: the same answer for both (S19). */
export const knownCredential = { ask: askForCredential, answers: [answers.credentialUnknown] };

/** The same, and then whether the credential may sign at all: a certificate that may not wins over a wrong factor. */
export const usableCredential = {
  async ask(parts: CscParts, body: WithCredential, request: FastifyRequest): Promise<void> {
    const { keyStatus, certStatus, chain } = await askForCredential(parts, body, request);
    if (certStatus === 'revoked' || certStatus === 'suspended') throw new KysoError('certificateStatus');
    if (certStatus === 'expired') throw expired(chain);
    if (keyStatus === 'disabled') throw new KysoError('credentialDisabled');
  },
  answers: [
    ...[answers.credentialUnknown, answers.credentialDisabled],
    ...[answers.certificateStatus, answers.certificateExpired],
  ],
};

/** `Invalid parameter SAD` for one that is unknown or not the caller's. */
export const knownSad = {
  ask: ({ signer }: CscParts, { SAD: sad }: WithSad, { user, id }: FastifyRequest) =>
    signer.call('sad.check', { ...caller(user, id), sad, hashes: [] }),
  answers: [answers.sadInvalid],
};

/** `Hash is not authorized by the SAD.` What is no digest at all is left to `digestLengths`. */
export const authorizedHashes = {
  async ask({ signer }: CscParts, { SAD: sad, hash }: WithSad & WithHashes, { user, id }: FastifyRequest) {
    if (digestLengths.fails({ hash })) return;
    await signer.call('sad.check', { ...caller(user, id), sad, hashes: canonicalDigests(hash) });
  },
  answers: [answers.hashNotAuthorized],
};

function askForCredential({ signer }: CscParts, { credentialID }: WithCredential, { user }: FastifyRequest) {
  return signer.call('credentials.info', { subscriber: user.subscriber, credentialID });
}

/** Who asks, as signer wants to know it. */
export function caller({ subscriber, client, grant }: Caller, request: string) {
  return { subscriber, client, grant, request };
}

/** The rows of a `hash` array's shape. */
export const hashRows = [
  missing('array', 'hash'),
  { field: 'hash', keywords: ['minItems'], answer: invalidRequest('Empty hash array') },
  { field: 'hash', keywords: ['maxItems'], answer: answers.numSignaturesTooHigh },
  { field: 'hash[]', answer: invalidRequest('Invalid Base64 hash string parameter') },
];

/** Digests of a length that no algorithm has, or of two lengths: one authorization has one digest algorithm. */
export const digestLengths = {
  fails({ hash }: WithHashes): boolean {
    const lengths = new Set(hash.map((text) => decodeDigest(text)?.length ?? 0));
    return lengths.size !== 1 || [...lengths].some((length) => !digestByLength(length));
  },
  answer: answers.digestLength,
};

/** Digests as the processes exchange them: canonical base64, whatever the client's spelling was. */
export function canonicalDigests(hash: string[]): string[] {
  return hash.map((text) => decodeDigest(text)?.toString('base64') ?? '');
}
