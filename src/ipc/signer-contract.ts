import Type from 'typebox';
import { Attestation, SignedFeed } from './feed.ts';
import { Bytes, Closed, DigestBytes, Empty, Id, Instant, KeyTypeField, Oid, Secret, Text, UserId } from './fields.ts';

/** Which login is asking. These fields can only narrow what a SAD allows; they never prove anything (design §4). */
const Caller = { subscriber: Id, client: Text(128), grant: Id, request: Text(64) };

const Halves = Closed({ email: Text(64), sms: Text(64) });

/** The most signatures of one authorization, and so of one signHash call (CSC `multisign`). */
export const multisign = 1000;

/** Messages that signer answers. */
export const signerContract = {
  'activation.begin': {
    links: ['api'],
    params: Closed({ userID: UserId, halves: Halves, request: Text(64) }),
    result: Closed({ totpSecret: Text(64), otpauthUri: Text(512) }),
  },
  'activation.complete': {
    links: ['api'],
    params: Closed({ userID: UserId, halves: Halves, pin: Secret, otp: Text(16), request: Text(64) }),
    result: Closed({ subscriber: Id }),
  },
  'credentials.list': {
    links: ['api'],
    params: Closed({ subscriber: Id }),
    result: Closed({ credentialIDs: Type.Array(Id) }),
  },
  'credentials.info': {
    links: ['api'],
    params: Closed({ subscriber: Id, credentialID: Id }),
    result: Closed({
      keyStatus: Type.Union([Type.Literal('enabled'), Type.Literal('disabled')]),
      keyType: KeyTypeField,
      certStatus: Type.Union([Type.Literal('valid'), Type.Literal('expired'), Type.Literal('suspended')]),
      chain: Type.Array(Bytes(16_384)),
    }),
  },
  'credentials.authorize': {
    links: ['api'],
    params: Closed({
      ...Caller,
      credentialID: Id,
      numSignatures: Type.Integer({ minimum: 1, maximum: multisign }),
      hashes: Type.Array(DigestBytes, { minItems: 1, maxItems: multisign }),
      pin: Secret,
      otp: Text(16),
    }),
    result: Closed({ sad: Text(64), expiresIn: Type.Integer({ minimum: 1 }) }),
  },
  'signatures.signHash': {
    links: ['api'],
    params: Closed({
      ...Caller,
      sad: Text(256),
      credentialID: Id,
      hashes: Type.Array(DigestBytes, { minItems: 1, maxItems: multisign }),
      signAlgo: Oid,
      hashAlgo: Type.Optional(Oid),
    }),
    result: Closed({ signatures: Type.Array(Bytes(2048)) }),
  },
  'feed.position': { links: ['ca'], params: Empty, result: Closed({ number: Type.Integer({ minimum: 0 }) }) },
  'feed.push': {
    links: ['ca'],
    params: SignedFeed,
    result: Closed({ number: Type.Integer({ minimum: 0 }), attestation: Type.Optional(Attestation) }),
  },
  status: {
    links: ['api', 'operator'],
    params: Empty,
    result: Closed({
      ready: Type.Boolean(),
      token: Type.Boolean(),
      feed: Type.Boolean(),
      feedAge: Type.Optional(Instant),
    }),
  },
} as const;
export type SignerContract = typeof signerContract;
