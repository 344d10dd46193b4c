import Type, { type Static } from 'typebox';
import { sha256 } from '../base/bytes.ts';
import { Bytes, Closed, Email, Id, Instant, KeyTypeField, OtpField, Phone, Text, UserId } from './fields.ts';

/**
 * What ca tells signer. Orders are durable, numbered without a gap from 1, and applied in that order; a heartbeat
 * carries the number of the newest order, so that a signer that missed one knows it and does not sign (design §2).
 */
export const Order = Type.Union([
  /** A person who may own credentials: signer makes the vault and the activation data. */
  Closed({
    kind: Type.Literal('subscriber'),
    subscriber: Id,
    userID: UserId,
    name: Text(200),
    email: Email,
    phone: Phone,
  }),
  /**
   * A key pair for a credential; signer answers with its attestation over {credential, subscriber, spki, lineHash}.
   * `keyVersion` 2 and above: a further key for the same credential, which takes over when its certificate comes; its
   * `otp` changes nothing.
   * `subject` (DER Name): signer answers with a PKCS#10 request for it, too, which proves that it has the key.
   */
  Closed({
    kind: Type.Literal('makeKey'),
    credentialID: Id,
    subscriber: Id,
    keyType: KeyTypeField,
    otp: OtpField,
    lineHash: Bytes(44),
    keyVersion: Type.Optional(Type.Integer({ minimum: 2 })),
    subject: Type.Optional(Bytes(4096)),
  }),
  /**
   * The certificate chain (base64 DER, end entity first) that makes the credential usable from now on. A later one takes
   * the place of the one before: a renewal, a change, or the first of a further key.
   */
  Closed({
    kind: Type.Literal('certificate'),
    credentialID: Id,
    chain: Type.Array(Bytes(16_384), { minItems: 1, maxItems: 5 }),
  }),
  /**
   * What became of the credential's certificate; after `revoked` its key is destroyed. `sourceAt`: when an outside
   * authority said so.
   */
  Closed({
    kind: Type.Literal('status'),
    credentialID: Id,
    serialNumber: Text(64),
    status: Type.Enum(['good', 'hold', 'revoked']),
    reason: Text(100),
    sourceAt: Type.Optional(Instant),
  }),
  /** Signing off (`blocked: true`) or on again, by ca's decision. */
  Closed({ kind: Type.Literal('block'), credentialID: Id, blocked: Type.Boolean(), reason: Text(100) }),
]);
export type Order = Static<typeof Order>;

/** SHA-256 (base64) of the text of an order; empty before the first. */
export const OrderHash = Bytes(44);

/**
 * The text that ca signs. `number` of an order is its own; of a heartbeat, that of the newest order (0: none yet). Each
 * order names the one before it and each heartbeat the newest: a ca that was restored from a backup and issues other
 * orders under numbers that it gave before is noticed.
 */
export const FeedPayload = Type.Union([
  Closed({
    type: Type.Literal('order'),
    number: Type.Integer({ minimum: 1 }),
    previous: OrderHash,
    at: Instant,
    order: Order,
  }),
  Closed({
    type: Type.Literal('heartbeat'),
    beat: Type.Integer({ minimum: 1 }),
    number: Type.Integer({ minimum: 0 }),
    head: OrderHash,
    at: Instant,
  }),
]);
export type FeedPayload = Static<typeof FeedPayload>;

/** The hash by which the next order and the heartbeats name the order of this text. */
export const orderHash = (payload: string): string => sha256(payload).toString('base64');

/** `payload` is RFC 8785 JSON of a FeedPayload; `signature` is ECDSA P-256/SHA-256 (DER) over its UTF-8 bytes. */
export const SignedFeed = Closed({ payload: Text(65_536), signature: Bytes(144) });
export type SignedFeed = Static<typeof SignedFeed>;

/**
 * What signer vouches for: this key was made in its token for this credential and this approved line (design §5 c).
 * `statement` is RFC 8785 JSON of AttestationPayload, signed like the feed but with the signer's attestation key.
 */
export const Attestation = Closed({ statement: Text(4096), signature: Bytes(144) });
export type Attestation = Static<typeof Attestation>;

export const AttestationPayload = Closed({
  type: Type.Literal('keyAttestation'),
  credentialID: Id,
  subscriber: Id,
  spki: Bytes(1024),
  lineHash: Bytes(44),
});
export type AttestationPayload = Static<typeof AttestationPayload>;
