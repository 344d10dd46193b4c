import { certificateAddresses } from '../../pki/addresses.ts';
import { certIdMatches } from '../../pki/ocsp.ts';
import { encodeOcspRequest, isAuthorisedOcsp, readOcspResponse } from '../../pki/ocsp-client.ts';
import { readCertificate } from '../../pki/read.ts';
import type { Fetch } from './fetch.ts';
import { type Lists, refuse } from './lists.ts';

/** What an outside authority says of a certificate, and when it said so. */
export type Word = { state: 'none' | 'hold' | 'revoked'; reason: string; revokedAt: number | null; sourceAt: number };

/** The most bytes of an OCSP answer, and how far a source's clock may be ahead of ours, in milliseconds. */
const longest = 65_536;
const tolerance = 300_000;
/** How long an OCSP answer counts that does not say until when. */
const withoutEnd = 24 * 3_600_000;

/** Where answers come from in one round. */
export type Sources = { fetch: Fetch; lists: Lists };

/**
 * Asks the certificate's own authority how it stands: its OCSP responder, or where it names none, its CRL. The answer is
 * verified and must be in force.
 * @param issuer the certificate above, DER
 * @throws KysoError document — the answer does not hold, or the certificate names no source; unavailable
 */
export async function askOutside(
  { fetch, lists }: Sources,
  certificate: Buffer,
  issuer: Buffer,
  now: number,
): Promise<Word> {
  const { ocsp, crls } = certificateAddresses(certificate);
  const plain = (urls: string[]) => urls.find((url) => url.startsWith('http://'));
  const [responder, list] = [plain(ocsp), plain(crls)];
  if (responder) return askResponder(fetch, responder, { certificate, issuer, now });
  if (list) return consultList(lists, list, { certificate, issuer, now });
  throw refuse('is not to be had: the certificate names neither OCSP nor CRL over plain HTTP');
}

type About = { certificate: Buffer; issuer: Buffer; now: number };

async function askResponder(fetch: Fetch, url: string, { certificate, issuer, now }: About): Promise<Word> {
  const post = { type: 'application/ocsp-request', body: encodeOcspRequest(certificate, issuer) };
  const response = readOcspResponse(await fetch(url, { most: longest, post }));
  if ('error' in response) throw refuse(`is the error ${response.error}`);
  if (!isAuthorisedOcsp(response, issuer, new Date(now))) throw refuse('is not signed by who may');
  const { serialNumber } = readCertificate(certificate);
  const reply = response.replies.find(
    ({ certId }) => certId.serialNumber === serialNumber && certIdMatches(certId, issuer),
  );
  if (!reply) throw refuse('is about another certificate');
  const { thisUpdate, nextUpdate = new Date(thisUpdate.getTime() + withoutEnd) } = reply;
  const sourceAt = inForce(thisUpdate, nextUpdate, now);
  if (reply.status === 'revoked') return { ...revoked(reply), sourceAt };
  if (reply.status === 'good') return { state: 'none', reason: 'good', revokedAt: null, sourceAt };
  throw refuse('is that it does not know the certificate');
}

async function consultList(lists: Lists, url: string, { certificate, issuer, now }: About): Promise<Word> {
  const { thisUpdate, nextUpdate, entries } = await lists(url, issuer);
  const sourceAt = inForce(thisUpdate, nextUpdate, now);
  const entry = entries.get(readCertificate(certificate).serialNumber);
  return entry ? { ...revoked(entry), sourceAt } : { state: 'none', reason: 'good', revokedAt: null, sourceAt };
}

function revoked({ reason, revokedAt }: { reason: string; revokedAt: Date }) {
  const state = reason === 'certificateHold' ? ('hold' as const) : ('revoked' as const);
  return { state, reason, revokedAt: revokedAt.getTime() };
}

function inForce(thisUpdate: Date, nextUpdate: Date, now: number): number {
  if (thisUpdate.getTime() > now + tolerance || nextUpdate.getTime() < now) throw refuse('is not in force');
  return thisUpdate.getTime();
}
