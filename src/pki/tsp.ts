import { KysoError } from '../base/errors.ts';
import { type DigestName, digestByOid, digests } from '../crypto/algorithms.ts';
import { der, derNull, derOid, generalizedTime, integer, octetString, sequence, tags, unsigned } from './der.ts';
import { type DerReader, readDer } from './der-reader.ts';
import { readExtensions } from './extensions.ts';

/** What a client wants stamped (RFC 3161 §2.4.1). */
export type TimestampRequest = {
  /** MessageImprint, DER: it goes into the token as it came. */
  messageImprint: Buffer;
  /** The hash algorithm; undefined for one that we do not accept. */
  digest: DigestName | undefined;
  /** The hash. */
  imprint: Buffer;
  /** OID of the policy asked for. */
  policy?: string;
  /** Content of the INTEGER, at most 128 octets. */
  nonce?: Buffer;
  /** Whether the token is to carry the TSA's certificate. */
  certReq: boolean;
  /** OIDs of extensions; we know none. */
  extensions: string[];
};

const longest = 16_384;
const what = 'an RFC 3161 timestamp request';

/**
 * Reads a TimeStampReq.
 * @throws KysoError document — malformed: answer `timestampFailure('badDataFormat')`
 */
export function readTimestampRequest(request: Uint8Array): TimestampRequest {
  if (request.length > longest) throw new KysoError('document', `not ${what}: it is too long`);
  const fields = readDer(request, what);
  if (fields.small() !== 1) throw fields.malformed();
  const imprint = readImprint(fields);
  const policy = fields.follows(tags.oid) ? fields.oid() : undefined;
  const nonce = fields.follows(tags.integer) ? fields.integer(128) : undefined;
  const certReq = fields.follows(tags.boolean) && fields.boolean();
  // Critical or not: RFC 3161 §2.4.1 wants unacceptedExtension for each that the TSA does not know.
  const extensions = fields.enterOptional(tags.explicit0);
  fields.end();
  return {
    ...imprint,
    ...(policy !== undefined && { policy }),
    ...(nonce && { nonce }),
    certReq,
    extensions: extensions ? readExtensions(extensions, 'any').map(({ oid }) => oid) : [],
  };
}

/** Reads the next element as a MessageImprint. */
export function readImprint(fields: DerReader): Pick<TimestampRequest, 'messageImprint' | 'digest' | 'imprint'> {
  const element = fields.element(tags.sequence);
  const inside = fields.within(element);
  const algorithm = inside.enter();
  const digest = digestByOid(algorithm.oid());
  if (algorithm.optional(tags.null)?.content.length) throw fields.malformed();
  algorithm.end();
  const imprint = inside.element(tags.octetString).content;
  inside.end();
  if (imprint.length === 0 || imprint.length > 128) throw fields.malformed();
  return { messageImprint: element.raw, digest, imprint };
}

/**
 * A MessageImprint, DER.
 * @throws KysoError digestLength
 */
export function messageImprint(digest: DigestName, hash: Uint8Array): Buffer {
  const { length, oid } = digests[digest];
  if (hash.length !== length) throw new KysoError('digestLength');
  return sequence(sequence(derOid(oid), derNull), octetString(hash));
}

/** A TimeStampReq, DER, for a TSA: `nonce` as the content of an INTEGER, without a needless leading zero byte. */
export function encodeTimestampRequest(request: {
  messageImprint: Uint8Array;
  nonce?: Uint8Array;
  certReq: boolean;
}): Buffer {
  const { nonce, certReq } = request;
  return sequence(
    integer(1),
    request.messageImprint,
    ...(nonce ? [der(tags.integer, nonce)] : []),
    ...(certReq ? [der(tags.boolean, Buffer.of(0xff))] : []),
  );
}

export type TimestampFacts = {
  /** OID of the policy under which the TSA stamps. */
  policy: string;
  /** MessageImprint, DER. */
  messageImprint: Uint8Array;
  /** Unique for this TSA, at most 160 bits. */
  serialNumber: number | bigint;
  /** To the millisecond. */
  genTime: Date;
  /** How far `genTime` may be off, in milliseconds. */
  accuracyMs?: number;
  /** Content of the request's INTEGER. */
  nonce?: Uint8Array;
};

/** The TSTInfo, DER. `ordering` is left out, since DER leaves defaults out; `tsa`, too: the token names its signer. */
export function timestampTst(facts: TimestampFacts): Buffer {
  const { policy, serialNumber, genTime, accuracyMs, nonce } = facts;
  return sequence(
    integer(1),
    derOid(policy),
    facts.messageImprint,
    integer(serialNumber),
    preciseTime(genTime),
    ...(accuracyMs === undefined ? [] : [accuracy(accuracyMs)]),
    ...(nonce ? [der(tags.integer, nonce)] : []),
  );
}

/** GeneralizedTime with milliseconds, without trailing zeros (RFC 3161 §2.4.2). */
function preciseTime(date: Date): Buffer {
  const fraction = String(date.getUTCMilliseconds()).padStart(3, '0').replace(/0+$/, '');
  if (fraction === '') return generalizedTime(date);
  const seconds = date.toISOString().slice(0, 19).replace(/[-:T]/g, '');
  return der(tags.generalizedTime, Buffer.from(`${seconds}.${fraction}Z`));
}

/** Accuracy { seconds, millis [0] 1..999 }. */
function accuracy(milliseconds: number): Buffer {
  const [seconds, millis] = [Math.floor(milliseconds / 1000), Math.ceil(milliseconds % 1000)];
  return sequence(
    ...(seconds > 0 ? [integer(seconds)] : []),
    ...(millis > 0 ? [der(tags.context0, unsigned(millis))] : []),
  );
}

/** The TimeStampResp `granted` with its token, DER. */
export function timestampResponse(token: Uint8Array): Buffer {
  return sequence(sequence(integer(0)), token);
}

/** PKIFailureInfo: the bit of each reason (RFC 3161 §2.4.2). */
const failures = {
  badAlg: 0,
  badRequest: 2,
  badDataFormat: 5,
  timeNotAvailable: 14,
  unacceptedPolicy: 15,
  unacceptedExtension: 16,
  addInfoNotAvailable: 17,
  systemFailure: 25,
} as const;
export type TimestampFailure = keyof typeof failures;

/** The TimeStampResp `rejection` with its reason, DER. */
export function timestampFailure(failure: TimestampFailure): Buffer {
  const bit = failures[failure];
  const octets = Buffer.alloc(Math.floor(bit / 8) + 1);
  octets[octets.length - 1] = 0x80 >> (bit % 8);
  return sequence(sequence(integer(2), der(tags.bitString, Buffer.of(7 - (bit % 8)), octets)));
}

/** Why a well-formed request cannot be stamped as it is; undefined when it can. */
export function requestFault(request: TimestampRequest, policy: string): TimestampFailure | undefined {
  if (request.digest === undefined) return 'badAlg';
  if (request.imprint.length !== digests[request.digest].length) return 'badDataFormat';
  if (request.policy !== undefined && request.policy !== policy) return 'unacceptedPolicy';
  return request.extensions.length > 0 ? 'unacceptedExtension' : undefined;
}
