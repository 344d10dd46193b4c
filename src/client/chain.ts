import { X509Certificate } from 'node:crypto';
import { certificateAddresses } from '../pki/addresses.ts';
import { LevelError } from './level.ts';
import type { Retrieve } from './retrieve.ts';

/** Certificates (DER) from an end entity to a self-signed root, each issued by the next. */
export type CompleteChain = readonly [Buffer, ...Buffer[]];

/** Bounds what a chain that never ends may cost. */
const longest = 8;
const certificateBytes = 65_536;

/**
 * The chain of the first of `given`: of these certificates, of those that are `known` otherwise, and else of those that a
 * certificate of the chain names as its issuer's (AIA caIssuers). Each is verified to have issued the one before.
 * @throws LevelError — an issuer's certificate cannot be had
 */
export async function completeChain(
  given: readonly [Uint8Array, ...Uint8Array[]],
  known: readonly Uint8Array[],
  retrieve: Retrieve,
): Promise<CompleteChain> {
  const first = new X509Certificate(given[0]);
  const candidates = [...given.slice(1), ...known].map((der) => new X509Certificate(der));
  const chain = [first];
  for (let last = first; !issued(last, last); chain.push(last)) {
    if (chain.length === longest) throw new LevelError('status', `The chain of ${nameOf(first)} never ends.`);
    last = candidates.find((candidate) => issued(candidate, last)) ?? (await retrieveIssuer(last, retrieve));
  }
  const [leaf, ...issuers] = chain.map(({ raw }) => Buffer.from(raw));
  return [leaf!, ...issuers];
}

const issued = (issuer: X509Certificate, certificate: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

async function retrieveIssuer(certificate: X509Certificate, retrieve: Retrieve): Promise<X509Certificate> {
  const [url] = certificateAddresses(certificate.raw).issuers;
  const name = nameOf(certificate);
  if (!url)
    throw new LevelError('status', `The certificate of ${name} comes without its issuer's and names no address of it.`);
  try {
    const issuer = new X509Certificate(await retrieve(url, { most: certificateBytes }));
    if (issued(issuer, certificate)) return issuer;
  } catch (cause) {
    throw new LevelError('status', `The certificate of the issuer of ${name} cannot be had: ${String(cause)}`, {
      cause,
    });
  }
  throw new LevelError('status', `${url} has a certificate that is not the issuer's of ${name}.`);
}

/** What messages call a certificate: its common name. */
export function nameOf(certificate: X509Certificate | Uint8Array): string {
  const { subject } = certificate instanceof X509Certificate ? certificate : new X509Certificate(certificate);
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? subject;
}
