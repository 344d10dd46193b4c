import { KysoError } from '../base/errors.ts';
import { assembleOcsp, type CertId, certIdMatches, type OcspStatus, ocspTbs } from '../pki/ocsp.ts';
import type { CaAuthority } from './authorities.ts';
import type { Authority } from './context.ts';
import type { CertificateState } from './ocsp-state.ts';

/** The issuing authority that all of these certificates are of; undefined when one of them is not ours. */
export function issuerOf({ pki }: Pick<Authority, 'pki'>, certIds: readonly CertId[]): CaAuthority | undefined {
  return pki
    .all()
    .find(
      ({ role, certificate }) => role === 'issuing' && certIds.every((certId) => certIdMatches(certId, certificate)),
    );
}

/** What is to be signed; times in epoch milliseconds. */
export type OcspStatement = {
  answers: readonly { certId: CertId; state: CertificateState }[];
  thisUpdate: number;
  nextUpdate: number;
  nonce?: Buffer | undefined;
};

/**
 * Signs an answer with the key that the issuer delegated to its responder, whose certificate goes along. The only use of
 * these keys (S84): they sign what was put together here, of certificates whose state was just read.
 * @throws KysoError configuration — the issuer has no responder now
 */
export async function signOcsp(
  authority: Pick<Authority, 'pki' | 'clock'>,
  issuer: CaAuthority,
  { answers, thisUpdate, nextUpdate, nonce }: OcspStatement,
): Promise<Buffer> {
  const { certificate, key, notAfter } = responderOf(authority, issuer);
  const times = { thisUpdate: new Date(thisUpdate), nextUpdate: new Date(Math.min(nextUpdate, notAfter)) };
  const tbs = ocspTbs({
    responderCertificate: certificate,
    producedAt: times.thisUpdate,
    answers: answers.map(({ certId, state }) => ({ ...statusOf(state), certId: certId.der, ...times })),
    nonce,
  });
  return assembleOcsp(tbs, await key.sign(tbs), [certificate]);
}

function statusOf(state: CertificateState): OcspStatus {
  if (state.status !== 'revoked') return { status: state.status };
  return { status: 'revoked', reason: state.reason, revokedAt: new Date(state.revokedAt) };
}

/** Also for an authority that issues no more: what it issued can be asked about as long as it has a responder. */
function responderOf({ pki, clock }: Pick<Authority, 'pki' | 'clock'>, issuer: CaAuthority): CaAuthority {
  const responder = pki
    .all()
    .findLast((each) => each.role === 'ocsp' && each.issuer === issuer.id && answers(each, clock.now()));
  if (!responder) throw new KysoError('configuration', `${issuer.id} has no OCSP responder now: run kyso ca rollover`);
  return responder;
}

const answers = ({ notAfter, revoked }: CaAuthority, now: number) => notAfter >= now && !revoked;
