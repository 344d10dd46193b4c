import { createHash, randomBytes } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import { type DigestName, digests } from '../crypto/algorithms.ts';
import { certificateFields } from '../pki/certificate-fields.ts';
import { isValidAt } from '../pki/issued-by.ts';
import { encodeTimestampRequest, messageImprint } from '../pki/tsp.ts';
import { readTimestampResponse, readTimestampToken } from '../pki/tsp-token.ts';
import { completeChain, nameOf } from './chain.ts';
import type { CscClient } from './csc-client.ts';
import { LevelError } from './level.ts';
import type { SigningContext } from './pades.ts';
import type { Retrieve } from './retrieve.ts';

/** What a timestamp is asked for: `imprint` is the digest by that algorithm, `nonce` a positive number, big-endian. */
export type TimestampQuestion = { digest: DigestName; imprint: Buffer; nonce: Buffer };

/** Answers the TimeStampToken (DER), with its certificates; it is verified then. */
export type AskTimestamp = (question: TimestampQuestion) => Promise<Uint8Array>;

/** A time-stamping authority that speaks RFC 3161 over HTTP at `url`, or whatever else gets a token. */
export type TimestampSource = { url: string } | AskTimestamp;

/** A token that was verified: its time, and its certificates, that of who signed it first. */
export type Timestamp = { token: Buffer; time: Date; chain: readonly [Buffer, ...Buffer[]] };

const responseBytes = 65_536;

/** Timestamps of the signing service itself (CSC v1 §11.10). */
export function cscTimestamps(client: CscClient, token: string): AskTimestamp {
  return ({ digest, imprint, nonce }) =>
    client.timestamp(token, { hash: imprint, hashAlgo: digests[digest].oid, nonce });
}

/** Where a timestamp is asked for, how, and with which roots (DER) its authority's chain has to end; any, where none are named. */
export type TimestampOptions = {
  source: TimestampSource | undefined;
  retrieve: Retrieve;
  roots?: readonly Uint8Array[] | undefined;
};

/**
 * A timestamp over a signature value (id-aa-timeStampToken, EN 319 122-1 §5.3), by the digest of the signature.
 * @throws LevelError — there is no source, it does not answer, its token does not verify, or its chain ends elsewhere
 */
export async function timestampOver(
  { scheme: { digest }, chain }: SigningContext,
  signature: Uint8Array,
  { source, retrieve, roots }: TimestampOptions,
): Promise<Timestamp> {
  if (!source) throw new LevelError('timestamp', 'No time-stamping service is named.');
  const question = { digest, imprint: createHash(digest).update(signature).digest(), nonce: newNonce() };
  const ask = typeof source === 'function' ? source : overHttp(source.url, retrieve);
  try {
    const timestamp = verified(Buffer.from(await ask(question)), question);
    checkValidity(chain[0], timestamp.time);
    return roots ? { ...timestamp, chain: await anchored(timestamp.chain, chain, roots) } : timestamp;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LevelError('timestamp', `There is no timestamp: ${why}`, { cause });
  }
}

/**
 * The chain of who stamped, up to one of `roots`, of the certificates at hand: no address in any of them is asked.
 * @param others that may be in between, such as the signer's
 */
async function anchored(
  [own, ...carried]: Timestamp['chain'],
  others: readonly Uint8Array[],
  roots: readonly Uint8Array[],
): Promise<Timestamp['chain']> {
  const elsewhere = new KysoError('integrity', `the chain of ${nameOf(own)} does not end with a root that is trusted.`);
  const chain = await completeChain([own], [...roots, ...carried, ...others], async () => {
    throw elsewhere;
  }).catch(() => Promise.reject(elsewhere));
  if (!roots.some((root) => chain.at(-1)?.equals(root))) throw elsewhere;
  return chain;
}

/** 64 bits, positive, and without leading zero bytes, so that it has one form as a number and as bytes. */
function newNonce(): Buffer {
  const nonce = randomBytes(8);
  nonce[0] = (nonce[0]! & 0x3f) | 0x40;
  return nonce;
}

function overHttp(url: string, retrieve: Retrieve): AskTimestamp {
  return async ({ digest, imprint, nonce }) => {
    const body = encodeTimestampRequest({ messageImprint: messageImprint(digest, imprint), nonce, certReq: true });
    return readTimestampResponse(
      await retrieve(url, { body, type: 'application/timestamp-query', most: responseBytes }),
    );
  };
}

function verified(token: Buffer, { digest, imprint, nonce }: TimestampQuestion): Timestamp {
  const read = readTimestampToken(token);
  const fault = (what: string) => new KysoError('integrity', `the token that was answered ${what}.`);
  if (read.digest !== digest || !read.imprint.equals(imprint)) throw fault('is over something else');
  if (!read.nonce?.equals(nonce)) throw fault('does not have the nonce of the question');
  const { certificate, genTime: time } = read;
  if (!certificate) throw fault('holds no certificate for timestamps only whose key signed it');
  checkValidity(certificate, time);
  return { token, time, chain: [certificate, ...read.signed.certificates.filter((other) => other !== certificate)] };
}

/** The time of a timestamp has to lie in the validity of who signed, and of who stamped. */
function checkValidity(certificate: Uint8Array, time: Date): void {
  if (isValidAt(certificateFields(certificate), time)) return;
  const text = `its time, ${time.toISOString()}, is not in the validity of the certificate of ${nameOf(certificate)}.`;
  throw new KysoError('integrity', text);
}
