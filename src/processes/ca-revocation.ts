import { KysoError } from '../base/errors.ts';
import type { Authority } from '../ca/context.ts';
import { crlInForce, listShards } from '../ca/crl-in-force.ts';
import type { CrlPublisher } from '../ca/crl-publisher.ts';
import type { Feed } from '../ca/feed.ts';
import { type ReasonName, reasonNames } from '../ca/revocation-reasons.ts';
import { hold, release, revoke, type Standing } from '../ca/revoke.ts';
import type { CaContract } from '../ipc/ca-contract.ts';
import type { Standing as Answer, ListedCertificate } from '../ipc/ca-revocation.ts';
import type { Handlers } from '../ipc/contract.ts';
import type { IssuedCertificate } from '../store/ca/tables.ts';

/** Certificates of one page of a list. */
const page = 200;

type Room = { authority: Authority; feed: Feed; crls: CrlPublisher };

/** Revocation, and what of it everybody may have. */
export function revocationHandlers({ authority, feed, crls }: Room) {
  /**
   * Signer and the CRL hear of it now, also when the second half failed: the first one stands. An authority's own is not
   * answered before this process stops, or begins again, to work with it.
   */
  const announced = async (work: Promise<Standing>): Promise<Answer> => {
    try {
      const standing = await work;
      if (authority.pki.byId(standing.credential)) await authority.pki.reload();
      return standingOf(standing);
    } finally {
      feed.wake();
      crls.wake();
    }
  };
  return {
    'certificate.revoke': ({ target, by, reason }) =>
      announced(revoke(authority, { ...target, by, reason: reasonOf(reason) })),
    'certificate.hold': ({ target, by, reason }) =>
      announced(hold(authority, { ...target, by, reason: reasonOf(reason) })),
    'certificate.release': ({ target, by }) => announced(release(authority, { ...target, by })),
    async 'certificate.list'({ credential, after }) {
      const { rows, store } = authority;
      if (credential !== undefined)
        return { certificates: (await rows.certificates.list(store.read, { credential })).map(listed) };
      const { good, bad, last } = await rows.certificates.walk(store.read, after, page);
      if (bad.length > 0) throw new KysoError('integrity', `somebody else wrote certificates: ${bad.join(', ')}`);
      return { certificates: good.map(listed), ...(last !== undefined && { last }) };
    },
    async 'crl.list'() {
      const shards = (await listShards(authority)).map((shard) => {
        const { id, url, assigned: certificates, entries, inForce: number, thisUpdate, nextUpdate } = shard;
        return { id, url, certificates, entries, number, thisUpdate, nextUpdate };
      });
      return { shards };
    },
    async 'crl.get'({ shard, have }) {
      const found = await crlInForce(authority, shard, have);
      if (!found) return { number: 0 };
      const { crl, ...rest } = found;
      return { ...rest, ...(crl && { crl: crl.toString('base64') }) };
    },
    async 'authority.certificate'({ authority: id }) {
      const found = authority.pki.byId(id);
      return found ? { certificate: found.certificate.toString('base64'), notAfter: found.notAfter } : {};
    },
  } satisfies Partial<Handlers<CaContract>>;
}

function reasonOf(name: string): ReasonName {
  const reason = reasonNames.find((known) => known === name);
  if (reason) return reason;
  throw new KysoError('orderRefused', `there is no reason ${name}: use one of ${reasonNames.join(', ')}`);
}

const standingOf = ({ serialNumber, credential, revocation, reason, revokedBy, revokedAt }: Standing): Answer => ({
  ...{ serialNumber, credential, revocation: revocation as Answer['revocation'], reason, revokedBy, revokedAt },
});

function listed(row: IssuedCertificate): ListedCertificate {
  const { authority, shard, status, notBefore, notAfter } = row;
  return { ...standingOf(row), authority, shard, status, notBefore, notAfter };
}
