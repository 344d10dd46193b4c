import Type, { type Static } from 'typebox';
import { Bytes, Closed, Empty, Id, Instant, Text } from './fields.ts';

/** Which certificate: by its serial number in hex, or the one that a credential has now. */
const Target = Type.Union([
  Closed({ serialNumber: Type.String({ pattern: '^[0-9A-F]{2,40}$' }) }),
  Closed({ credential: Id }),
]);
const By = Closed({ level: Type.Enum(['subscriber', 'organisation', 'officer', 'operator']), name: Text(64) });

/** How a certificate stands. */
const Standing = Closed({
  serialNumber: Text(40),
  credential: Text(64),
  revocation: Type.Enum(['none', 'hold', 'revoked']),
  reason: Type.Union([Text(64), Type.Null()]),
  revokedBy: Type.Union([Text(64), Type.Null()]),
  revokedAt: Type.Union([Instant, Type.Null()]),
});
export type Standing = Static<typeof Standing>;

const Listed = Closed({
  ...Standing.properties,
  authority: Text(64),
  shard: Text(80),
  status: Text(64),
  notBefore: Instant,
  notAfter: Instant,
});
export type ListedCertificate = Static<typeof Listed>;

/** Revocation, and what of it everybody may have. */
export const revocationContract = {
  'certificate.revoke': {
    links: ['operator'],
    params: Closed({ target: Target, by: By, reason: Text(64) }),
    result: Standing,
  },
  'certificate.hold': {
    links: ['operator'],
    params: Closed({ target: Target, by: By, reason: Text(64) }),
    result: Standing,
  },
  'certificate.release': { links: ['operator'], params: Closed({ target: Target, by: By }), result: Standing },
  /** Those of a credential, or a page of all in the order of their serial numbers behind `after`. */
  'certificate.list': {
    links: ['operator'],
    params: Closed({ credential: Type.Optional(Id), after: Type.Optional(Text(40)) }),
    result: Closed({ certificates: Type.Array(Listed), last: Type.Optional(Text(40)) }),
  },
  'crl.list': {
    links: ['operator'],
    params: Empty,
    result: Closed({
      shards: Type.Array(
        Closed({
          ...{ id: Text(80), url: Text(2048), certificates: Type.Integer(), entries: Type.Integer() },
          ...{ number: Instant, thisUpdate: Instant, nextUpdate: Instant },
        }),
      ),
    }),
  },
  /** The CRL in force of a shard (DER), without its bytes for who has the one of number `have`; number 0: there is none. */
  'crl.get': {
    links: ['api'],
    params: Closed({ shard: Text(80), have: Instant }),
    result: Closed({
      number: Instant,
      crl: Type.Optional(Bytes(1_000_000)),
      thisUpdate: Type.Optional(Instant),
      nextUpdate: Type.Optional(Instant),
    }),
  },
  /** The certificate of an authority (DER), if there is such a one. */
  'authority.certificate': {
    links: ['api'],
    params: Closed({ authority: Text(64) }),
    result: Closed({ certificate: Type.Optional(Bytes(16_384)), notAfter: Type.Optional(Instant) }),
  },
} as const;

/** `ok` is false when a CRL is about to end or does not say for a minute what it should; `endsAt`: the first that ends. */
export const CrlHealth = Closed({
  ok: Type.Boolean(),
  shards: Type.Integer(),
  late: Type.Integer(),
  endsAt: Type.Optional(Instant),
});
