import Type from 'typebox';
import { Bytes, Closed, Empty, Id, Instant, Text } from './fields.ts';

/** How old the oldest word of an outside authority about a certificate in use is, and how many were not to be had. */
export const ExternalHealth = Closed({
  certificates: Type.Integer({ minimum: 0 }),
  failing: Type.Integer({ minimum: 0 }),
  oldestAt: Type.Optional(Instant),
});

/** Certificates of outside authorities. Byte strings are base64 of DER. */
export const externalContract = {
  /** Lines that wait for a certificate, each with its PKCS#10 request. */
  'external.requests': {
    links: ['operator'],
    params: Empty,
    result: Closed({
      requests: Type.Array(Closed({ credential: Id, lineHash: Text(64), request: Bytes(8192) })),
    }),
  },
  'external.import': {
    links: ['operator'],
    params: Closed({ certificate: Bytes(16_384), chain: Type.Array(Bytes(16_384), { maxItems: 4 }) }),
    result: Closed({ credential: Id, serialNumber: Text(40) }),
  },
  /** Roots that imported certificates must lead to; with `certificate` one more, by whose word `by` says. */
  'external.trust': {
    links: ['operator'],
    params: Closed({ certificate: Type.Optional(Bytes(16_384)), by: Text(64) }),
    result: Closed({ anchors: Type.Array(Closed({ fingerprint: Text(64), subject: Text(1024), notAfter: Instant })) }),
  },
} as const;
