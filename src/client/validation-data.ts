import { certificateFields } from '../pki/certificate-fields.ts';
import { type CompleteChain, completeChain, nameOf } from './chain.ts';
import type { ValidationData } from './dss.ts';
import { LevelError } from './level.ts';
import type { Retrieve } from './retrieve.ts';
import { statusOf } from './revocation.ts';
import type { Status } from './status.ts';

/** Milliseconds by which clocks of different authorities may differ. */
const tolerance = 300_000;

/** Chains to show, each from its end entity on; the issuers may be missing. */
type GivenChain = readonly [Uint8Array, ...Uint8Array[]];

/** What collects validation data, for many documents of one signer. */
export type Collector = {
  /**
   * All that shows that these chains were good at each of these instants: their certificates up to the roots, and for
   * each certificate but the roots an OCSP response or, where it names no responder, a CRL. Without instants it is only
   * seen whether all of it can be had now.
   * @throws KysoError certificateStatus — a certificate is revoked or on hold
   * @throws LevelError — something cannot be had, does not verify, or does not hold at one of the instants
   */
  collect(chains: readonly GivenChain[], at: readonly Date[]): Promise<ValidationData>;
};

/**
 * A collector that keeps chains and CRLs for its life, and asks for OCSP responses again each time. It asks addresses in
 * the certificates of the chains given to it: for a missing issuer that of the certificate itself, for a status after it was
 * verified that the next of the chain issued it. Whether a chain ends with a root that is trusted is the caller's
 * question. Nothing that stands in the document is followed.
 */
export function collector(retrieve: Retrieve): Collector {
  const chainsKept = new Map<string, CompleteChain>();
  const crlsKept = new Map<string, Status>();

  async function complete(given: GivenChain, others: readonly Uint8Array[]): Promise<CompleteChain> {
    const key = keyOf(given[0]);
    const known = [...others, ...[...chainsKept.values()].flat()];
    const chain = chainsKept.get(key) ?? (await completeChain(given, known, retrieve));
    chainsKept.set(key, chain);
    return chain;
  }

  async function status(certificate: Buffer, issuer: Buffer): Promise<Status> {
    const key = keyOf(certificate);
    const kept = crlsKept.get(key);
    if (kept) return kept;
    const found = await statusOf(certificate, issuer, retrieve);
    if (found.evidence === 'crl') crlsKept.set(key, found);
    return found;
  }

  return {
    async collect(chains, at) {
      const known = chains.flat();
      const certificates = new Map<string, Uint8Array>();
      const statuses = new Map<string, Status>();
      for (const given of chains) {
        const chain = await complete(given, known);
        for (const certificate of chain) certificates.set(keyOf(certificate), certificate);
        const links = chain.slice(1).map((issuer, index) => ({ certificate: chain[index]!, issuer }));
        for (const { certificate, issuer } of links) {
          const key = keyOf(certificate);
          if (statuses.has(key)) continue;
          const found = await status(certificate, issuer);
          checkInstants(certificate, found, at);
          statuses.set(key, found);
          if (!found.responder) continue;
          certificates.set(keyOf(found.responder), found.responder);
          if (!isNeverRevoked(found.responder)) links.push({ certificate: found.responder, issuer });
        }
      }
      const evidence = (kind: Status['evidence']) =>
        [...statuses.values()].filter((found) => found.evidence === kind).map(({ der }) => der);
      return { certificates: [...certificates.values()], ocsps: evidence('ocsp'), crls: evidence('crl') };
    },
  };
}

/** Whether an OCSP responder is to be trusted for its whole, short life: id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1). */
const isNeverRevoked = (responder: Buffer): boolean =>
  certificateFields(responder).extensions.some(({ oid }) => oid === '1.3.6.1.5.5.7.48.1.5');

const keyOf = (certificate: Uint8Array): string => Buffer.from(certificate).toString('base64');

function checkInstants(certificate: Buffer, { from, until }: Status, at: readonly Date[]): void {
  const outside = at.find((instant) => +instant < +from - tolerance || +instant > +until + tolerance);
  if (!outside) return;
  const times = `from ${from.toISOString()} to ${until.toISOString()}, and the timestamp is of ${outside.toISOString()}`;
  throw new LevelError('status', `The status of the certificate of ${nameOf(certificate)} holds ${times}.`);
}
