import { KysoError } from '../base/errors.ts';
import type { CaAuthority } from './authorities.ts';
import { type AuthorityKind, authorityId, kinds, partsOfId } from './kinds.ts';

/** An authority that is to be made: `issuer` signs it, and is planned before it where it does not exist yet. */
export type Planned = { id: string; kind: AuthorityKind; issuer: string };

/**
 * What a rollover of `kind` makes. A new issuing authority gets a responder of its own; a new responder is made for each
 * issuing authority of its family that has not ended, since also those before the newest are asked about.
 * @param taken ids that are not to be used
 * @throws KysoError configuration — there is no issuer that has not ended and is not revoked
 */
export function planRollover(
  all: CaAuthority[],
  kind: AuthorityKind,
  now: number,
  taken: ReadonlySet<string>,
): Planned[] {
  const living = (wanted: AuthorityKind) =>
    all.filter(({ id, notAfter }) => partsOfId(id).kind === wanted && notAfter >= now).map(({ id }) => id);
  const numbers = new Map<AuthorityKind, number>();
  /** The next id of a kind, each time another one. */
  function next(wanted: AuthorityKind): string {
    const known = all.filter(({ id }) => partsOfId(id).kind === wanted).map(({ id }) => partsOfId(id).number);
    let number = (numbers.get(wanted) ?? Math.max(0, ...known)) + 1;
    while (taken.has(authorityId(wanted, number))) number += 1;
    numbers.set(wanted, number);
    return authorityId(wanted, number);
  }
  const id = next(kind);
  const { role, issuer } = kinds[kind];
  if (role === 'root') return [{ id, kind, issuer: id }];
  const issuers = living(issuer);
  const newest = all.findLast((each) => issuers.includes(each.id) && !each.revoked)?.id;
  // What a revoked authority issued is asked about as before.
  if (role === 'ocsp' && issuers.length > 0)
    return issuers.map((above, index) => ({ id: index === 0 ? id : next(kind), kind, issuer: above }));
  if (!newest)
    throw new KysoError(
      'configuration',
      `no ${issuer} is left to sign a new ${kind}: run kyso ca rollover ${issuer} first`,
    );
  if (role === 'tsa') return [{ id, kind, issuer: newest }];
  const responder: AuthorityKind = kind === 'issuing-rsa' ? 'ocsp-rsa' : 'ocsp-ec';
  return [
    { id, kind, issuer: newest },
    { id: next(responder), kind: responder, issuer: id },
  ];
}
