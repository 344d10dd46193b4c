import Type, { type Static } from 'typebox';
import { Bytes, Closed, Empty, Instant, Text } from './fields.ts';

/** A part of a walk: what comes behind `after`, at most `limit`; `last` of the answer is where to go on. */
const Part = (most: number) =>
  Closed({ after: Type.Optional(Text(128)), limit: Type.Integer({ minimum: 1, maximum: most }) });
const Last = Type.Optional(Text(128));

/**
 * A certificate that was issued: `problems` are what ca's own rules find now. Bytes are base64; there are none of what was
 * given up and revoked before it was one, nor of an authority, which is judged as such.
 */
export const CheckedCertificate = Closed({
  serialNumber: Text(64),
  certificate: Type.Optional(Bytes(16_384)),
  authority: Text(64),
  shard: Text(128),
  notAfter: Instant,
  /** When it was revoked or put on hold, epoch milliseconds; 0: it is good. */
  revokedAt: Instant,
  problems: Type.Array(Text(512)),
});
export type CheckedCertificate = Static<typeof CheckedCertificate>;

/** A shard with the CRL in force, if it has one already. */
export const CheckedShard = Closed({
  id: Text(128),
  authority: Text(64),
  crl: Type.Optional(Bytes(4 * 1024 * 1024)),
  thisUpdate: Instant,
  nextUpdate: Instant,
});
export type CheckedShard = Static<typeof CheckedShard>;

/** What `kyso ca check` reads. `bad` are the keys of rows that Kyso did not write. */
export const caCheckContract = {
  'check.authorities': {
    links: ['operator'],
    params: Empty,
    result: Closed({
      authorities: Type.Array(Closed({ id: Text(64), issuer: Text(64), certificate: Bytes(16_384) })),
    }),
  },
  'check.certificates': {
    links: ['operator'],
    params: Part(500),
    result: Closed({ certificates: Type.Array(CheckedCertificate), bad: Type.Array(Text(128)), last: Last }),
  },
  'check.shards': {
    links: ['operator'],
    params: Part(8),
    result: Closed({ shards: Type.Array(CheckedShard), bad: Type.Array(Text(128)), last: Last }),
  },
  /** SHA-256 (hex) of the certificates that the issuance log says were issued, and when. */
  'check.log': {
    links: ['operator'],
    params: Part(1000),
    result: Closed({ issued: Type.Array(Closed({ hash: Text(64), at: Instant })), last: Last }),
  },
} as const;
export type CaCheckContract = typeof caCheckContract;
