import { counted } from '../base/counted.ts';
import { KysoError, kindOf } from '../base/errors.ts';
import { digestByOid } from '../crypto/algorithms.ts';
import { newSerialNumber } from '../pki/certificate.ts';
import { unsigned } from '../pki/der.ts';
import {
  messageImprint,
  readTimestampRequest,
  requestFault,
  type TimestampRequest,
  timestampFailure,
  timestampResponse,
  timestampTst,
} from '../pki/tsp.ts';
import { assembleTimestampToken, timestampAttributes } from '../pki/tsp-token.ts';
import { accuracy, type WatchedClock } from './clock.ts';
import type { Authority } from './context.ts';

/**
 * The policy that tokens name when the configuration has no other: an OID below the arc for examples (ITU-T X.660), since
 * whoever runs the service has to write down a policy of their own.
 */
export const examplePolicy = '2.999.3161.1';

/** What a token is made of, whichever protocol asked. */
type Stamp = Pick<TimestampRequest, 'messageImprint' | 'nonce' | 'certReq'>;

/** ca's time-stamping unit (RFC 3161, RFC 5816). */
export type TimestampAuthority = {
  /** Answers a TimeStampReq, DER. What gets no token is a rejection with its reason; it never rejects itself. */
  answer(request: Buffer): Promise<Buffer>;
  /**
   * The TimeStampToken, DER, with its certificates, over a hash (base64); `nonce` in hex.
   * @throws KysoError hashAlgoInvalid, digestLength
   * @throws KysoError clockUntrusted — nobody vouches for the time
   * @throws KysoError configuration, tokenUnavailable — there is no key that may sign
   */
  token(asked: { hashAlgo: string; hash: string; nonce?: string }): Promise<Buffer>;
};

export type TsaOptions = {
  authority: Authority;
  clock: WatchedClock;
  /** OID of the policy under which it stamps. */
  policy: string;
  /** Told of failures of ours, at most once a minute. */
  report(error: unknown): void;
  /** Told how many tokens were given since the last time, at most once an hour. More is not kept of them. */
  tell(count: number): void;
};

export function timestampAuthority({ authority, clock, policy, report, tell }: TsaOptions): TimestampAuthority {
  let failure: unknown;
  const countToken = counted(clock, 3_600_000, tell);
  const reportFailure = counted(clock, 60_000, () => report(failure));

  /**
   * Stamps the time of this moment. The only use of the TSA's key (S84). Its serial numbers are random, so that no two are
   * the same over restarts and restored stores (RFC 3161 §2.4.2).
   */
  async function stamp({ messageImprint, nonce, certReq }: Stamp): Promise<Buffer> {
    clock.assertTrusted();
    const { certificate, chain, key } = authority.pki.timestamper();
    const tst = timestampTst({
      ...{ policy, messageImprint, genTime: new Date(clock.now()), accuracyMs: accuracy * 1000 },
      serialNumber: BigInt(`0x${newSerialNumber()}`),
      ...(nonce && { nonce }),
    });
    const attributes = timestampAttributes(tst, certificate);
    const signature = await key.sign(attributes);
    countToken();
    // Whoever trusts the root has it.
    return assembleTimestampToken({ tst, attributes, signature, chain: [certificate, ...chain.slice(0, -1)], certReq });
  }

  return {
    async answer(der) {
      const request = readRequest(der);
      if (!request) return timestampFailure('badDataFormat');
      const fault = requestFault(request, policy);
      if (fault) return timestampFailure(fault);
      try {
        return timestampResponse(await stamp(request));
      } catch (error) {
        if (kindOf(error) === 'clockUntrusted') return timestampFailure('timeNotAvailable');
        failure = error;
        reportFailure();
        return timestampFailure('systemFailure');
      }
    },
    async token({ hashAlgo, hash, nonce }) {
      const digest = digestByOid(hashAlgo);
      if (!digest) throw new KysoError('hashAlgoInvalid');
      return stamp({
        messageImprint: messageImprint(digest, Buffer.from(hash, 'base64')),
        certReq: true,
        ...(nonce !== undefined && { nonce: unsigned(BigInt(`0x${nonce}`)) }),
      });
    },
  };
}

/** Undefined for what is none. */
function readRequest(der: Buffer): TimestampRequest | undefined {
  try {
    return readTimestampRequest(der);
  } catch (error) {
    if (kindOf(error) === 'document') return undefined;
    throw error;
  }
}
