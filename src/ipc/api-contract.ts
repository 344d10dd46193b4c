import Type, { type Static } from 'typebox';
import { Closed, Empty, Text } from './fields.ts';

/**
 * What a client may do beyond the strict reading of CSC, because it cannot do otherwise. All off by default.
 * `numSignaturesAsText`: takes "1" for 1. `openSlots`: fewer hashes than signatures at authorization, the rest by
 * extendTransaction. `sendOtpBody`: sendOTP answers 200 with {} in place of 204. `pssDefaults`: RSASSA-PSS without
 * signAlgoParams means the hash of hashAlgo, MGF1 with it, and a salt of its length.
 */
export const ClientSwitches = Closed({
  numSignaturesAsText: Type.Boolean(),
  openSlots: Type.Boolean(),
  sendOtpBody: Type.Boolean(),
  pssDefaults: Type.Boolean(),
});
export type ClientSwitches = Static<typeof ClientSwitches>;

export const ClientRecord = Closed({
  clientID: Text(128),
  name: Text(255),
  suspended: Type.Boolean(),
  switches: ClientSwitches,
});
export type ClientRecord = Static<typeof ClientRecord>;

/** Messages that api answers: the operator's, about applications. */
export const apiContract = {
  'client.list': { links: ['operator'], params: Empty, result: Closed({ clients: Type.Array(ClientRecord) }) },
  'client.set': {
    links: ['operator'],
    params: Closed({
      clientID: Text(128),
      suspended: Type.Optional(Type.Boolean()),
      switches: Type.Optional(Type.Partial(ClientSwitches)),
    }),
    result: ClientRecord,
  },
} as const;
export type ApiContract = typeof apiContract;
