import { counted } from '../base/counted.ts';
import { KysoError, kindOf } from '../base/errors.ts';
import { type CertId, type OcspRequest, ocspError, readOcspRequest } from '../pki/ocsp.ts';
import { statusRevision } from '../store/ca/status-revision.ts';
import type { CaAuthority } from './authorities.ts';
import type { Authority } from './context.ts';
import { issuerOf, signOcsp } from './ocsp-answer.ts';
import { type CertificateState, stateOf } from './ocsp-state.ts';

/** How many certificates have their answer kept; one takes about 2 kB. */
const most = 20_000;

/** A response, DER. `kept`: it may serve everybody who asks the same, as long as `revision` is the same. */
export type OcspReply = {
  response: Buffer;
  kept?: { revision: string; thisUpdate: number; renewAt: number; nextUpdate: number };
};

type Prepared = { made: Promise<Buffer>; thisUpdate: number; renewAt: number; nextUpdate: number };

/** How long an answer counts, in milliseconds. It is made anew after half of that, so that half is always left. */
const life = 3_600_000;

/** ca's OCSP responder (RFC 6960), for all of its issuing authorities. */
export type OcspResponder = {
  /**
   * Answers a request, DER. What has no answer is said with a status of its own: `malformedRequest`, or `unauthorized`
   * for certificates that are not ours.
   * @throws KysoError tokenUnavailable, unavailable, configuration — the token or the store is away; nobody can sign
   */
  answer(request: Buffer): Promise<OcspReply>;
  /** How the status of all certificates stands: another text after each change. */
  revision(): Promise<string>;
};

/** @param report told of requests for strangers' certificates, at most once a minute */
export function ocspResponder(authority: Authority, report: (error: KysoError) => void): OcspResponder {
  const { store, clock, epoch } = authority;
  const prepared = new Map<string, Prepared>();
  const countStranger = counted(clock, 60_000, (count) =>
    report(new KysoError('issuerUnknown', `OCSP: ${count} requests named an issuer that is none of our authorities`)),
  );

  const revision = async () => `${epoch}/${await statusRevision(store.read)}`;

  /** The answer about one certificate that is kept, made on demand, anew before it ends and after a clock was set back. */
  function prepare(issuer: CaAuthority, certId: CertId, state: CertificateState): Prepared {
    const now = clock.now();
    const name = JSON.stringify([certId.der.toString('base64'), state]);
    const known = prepared.get(name);
    if (known && known.thisUpdate <= now && now < known.renewAt) return known;
    const times = { thisUpdate: now, renewAt: now + life / 2, nextUpdate: now + life };
    const made = signOcsp(authority, issuer, { answers: [{ certId, state }], ...times });
    const fresh = { made, ...times };
    prepared.delete(name);
    prepared.set(name, fresh);
    if (prepared.size > most) prepared.delete(prepared.keys().next().value ?? '');
    made.catch(() => prepared.get(name) === fresh && prepared.delete(name));
    return fresh;
  }

  return {
    async answer(der) {
      const request = readRequest(der);
      if (!request) return { response: ocspError('malformedRequest') };
      const { certIds, nonce } = request;
      const issuer = issuerOf(authority, certIds);
      if (!issuer) {
        countStranger();
        return { response: ocspError('unauthorized') };
      }
      // Before the status is read: after what changes later there is another one.
      const before = await revision();
      const answers = await Promise.all(
        certIds.map(async (certId) => ({ certId, state: await stateOf(authority, issuer, certId.serialNumber) })),
      );
      const [only] = answers;
      if (only && answers.length === 1 && !nonce && only.state.status !== 'unknown') {
        const { made, ...times } = prepare(issuer, only.certId, only.state);
        const response = await made;
        return { response, kept: { revision: before, ...times } };
      }
      const now = clock.now();
      return {
        response: await signOcsp(authority, issuer, { answers, thisUpdate: now, nextUpdate: now + life, nonce }),
      };
    },
    revision,
  };
}

/** Undefined for what is none. */
function readRequest(der: Buffer): OcspRequest | undefined {
  try {
    return readOcspRequest(der);
  } catch (error) {
    if (kindOf(error) === 'document') return undefined;
    throw error;
  }
}
