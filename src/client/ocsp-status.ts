import { randomBytes } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import { certIdMatches } from '../pki/ocsp.ts';
import { encodeOcspRequest, isAuthorisedOcsp, type OcspResponse, readOcspResponse } from '../pki/ocsp-client.ts';
import { nameOf } from './chain.ts';
import type { Retrieve } from './retrieve.ts';
import { refuseRevoked, type Status, serialOf } from './status.ts';

const ocspBytes = 65_536;

/** RFC 9654 §2.1. */
const nonceBytes = 32;

/** Milliseconds for which an answer without a next update counts. */
const withoutEnd = 86_400_000;

/**
 * The status of a certificate by the OCSP responder at `url` (RFC 6960): asked with a nonce, so that the answer is made
 * now, where the responder knows nonces. An answer that holds another nonce is not one to this question.
 * @throws as `statusOf`, without the certificate's name
 */
export async function ocspStatus(
  certificate: Buffer,
  issuer: Buffer,
  url: string,
  retrieve: Retrieve,
): Promise<Status> {
  const nonce = randomBytes(nonceBytes);
  const body = encodeOcspRequest(certificate, issuer, nonce);
  const der = Buffer.from(await retrieve(url, { body, type: 'application/ocsp-request', most: ocspBytes }));
  const response = readOcspResponse(der);
  if ('error' in response) throw new KysoError('unavailable', `${url} answered ${response.error}.`);

  const serialNumber = serialOf(certificate);
  const [reply, ...others] = response.replies;
  if (!reply || others.length > 0 || reply.certId.serialNumber !== serialNumber || !certIdMatches(reply.certId, issuer))
    throw new KysoError('integrity', `${url} answered about another certificate.`);
  if (response.nonce && !response.nonce.equals(nonce))
    throw new KysoError('integrity', `${url} answered to another question.`);
  const responder = signerOf(response, issuer);
  if (!responder) throw new KysoError('integrity', `the answer of ${url} is signed by nobody who may.`);

  if (reply.status === 'revoked') refuseRevoked(certificate, reply.revokedAt, reply.reason);
  if (reply.status === 'unknown')
    throw new KysoError('certificateStatus', `${url} does not know the certificate of ${nameOf(certificate)}.`);
  const until = reply.nextUpdate ?? new Date(reply.thisUpdate.getTime() + withoutEnd);
  return { evidence: 'ocsp', der, from: reply.thisUpdate, until, ...(responder !== issuer && { responder }) };
}

/** Who signed a response: the issuer itself, or the one that it appointed; undefined for anybody else. */
function signerOf(response: OcspResponse, issuer: Buffer): Buffer | undefined {
  const { producedAt } = response;
  if (isAuthorisedOcsp({ ...response, certificates: [] }, issuer, producedAt)) return issuer;
  return response.certificates.find((one) =>
    isAuthorisedOcsp({ ...response, certificates: [one] }, issuer, producedAt),
  );
}
