import Type from 'typebox';
import { Bytes, Closed, DigestBytes, Empty, HexNumber, Instant, Oid, Text } from './fields.ts';

/** How the status of all certificates stands: another text after each change. */
const Revision = Text(128);

/** A message of OCSP or of the timestamp protocol, DER. */
const ProtocolMessage = Bytes(65_536);

/** What ca answers about the status of certificates, and about the time. */
export const caAnswersContract = {
  /**
   * Answers an OCSP request. `kept`: whoever asks the same gets the same, until `renewAt` and as long as `revision` is what
   * `ocsp.revision` says.
   */
  'ocsp.answer': {
    links: ['api'],
    params: Closed({ request: ProtocolMessage }),
    result: Closed({
      response: ProtocolMessage,
      kept: Type.Optional(
        Closed({
          revision: Revision,
          thisUpdate: Instant,
          renewAt: Instant,
          nextUpdate: Instant,
        }),
      ),
    }),
  },
  'ocsp.revision': { links: ['api'], params: Empty, result: Closed({ revision: Revision }) },
  /** Answers a TimeStampReq of RFC 3161; a refusal is an answer, too. */
  'timestamp.answer': {
    links: ['api'],
    params: Closed({ request: ProtocolMessage }),
    result: Closed({ response: ProtocolMessage }),
  },
  /** A timestamp of this digest; `nonce` is a number in hex. */
  'timestamp.token': {
    links: ['api'],
    params: Closed({ hashAlgo: Oid, hash: DigestBytes, nonce: Type.Optional(HexNumber) }),
    result: Closed({ token: ProtocolMessage }),
  },
} as const;
