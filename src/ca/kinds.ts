import type { ResidentKeySpec } from '../hsm/protocol.ts';
import { type Profile, profiles } from '../pki/profiles.ts';

/** What an authority's key is for. Each key has one purpose (S84). */
export type AuthorityRole = 'root' | 'issuing' | 'ocsp' | 'tsa';

type Kind = {
  role: AuthorityRole;
  keyType: 'RSA-3072' | 'EC-P256';
  profile: Profile;
  /** The kind whose newest authority signs its certificate. */
  issuer: AuthorityKind;
  /** What its common name ends with, before its number. */
  title: string;
};

export const authorityKinds = ['root', 'issuing-rsa', 'issuing-ec', 'ocsp-rsa', 'ocsp-ec', 'tsa'] as const;
export type AuthorityKind = (typeof authorityKinds)[number];

/** The kinds of authorities, each behind its issuer. Those of one kind follow each other: `issuing-rsa-1`, `-2`. */
export const kinds: Record<AuthorityKind, Kind> = {
  root: { role: 'root', keyType: 'RSA-3072', profile: profiles.root, issuer: 'root', title: 'Root CA' },
  'issuing-rsa': {
    ...{ role: 'issuing', keyType: 'RSA-3072', profile: profiles.issuing },
    ...{ issuer: 'root', title: 'Issuing CA RSA' },
  },
  'issuing-ec': {
    ...{ role: 'issuing', keyType: 'EC-P256', profile: profiles.issuing },
    ...{ issuer: 'root', title: 'Issuing CA EC' },
  },
  'ocsp-rsa': {
    ...{ role: 'ocsp', keyType: 'EC-P256', profile: profiles.ocspResponder },
    ...{ issuer: 'issuing-rsa', title: 'OCSP RSA' },
  },
  'ocsp-ec': {
    ...{ role: 'ocsp', keyType: 'EC-P256', profile: profiles.ocspResponder },
    ...{ issuer: 'issuing-ec', title: 'OCSP EC' },
  },
  tsa: { role: 'tsa', keyType: 'EC-P256', profile: profiles.tsa, issuer: 'issuing-rsa', title: 'TSA' },
};

/** `issuing-rsa-2` for the second of its kind. */
export const authorityId = (kind: AuthorityKind, number: number) => `${kind}-${number}`;

/** The kind of an id, and its number among its kind. */
export function partsOfId(id: string): { kind: string; number: number } {
  const dash = id.lastIndexOf('-');
  return { kind: id.slice(0, dash), number: Number(id.slice(dash + 1)) };
}

/** The label of an authority's key in the token. */
export const labelOf = (id: string) => `kyso-ca-${id}`;

/** Labels of the token objects of "kyso-ca" that are no authority's. */
export const tokenLabels = { feed: 'kyso-ca-feed', rowMac: 'kyso-ca-row-mac', officers: 'kyso-ca-officers' } as const;

/** The keys that the ceremony wants in the token. */
export const residentKeys: ResidentKeySpec[] = [
  ...authorityKinds.map((kind) => ({ label: labelOf(authorityId(kind, 1)), kind: kinds[kind].keyType })),
  { label: tokenLabels.feed, kind: 'EC-P256' },
  { label: tokenLabels.rowMac, kind: 'HMAC-SHA256' },
  { label: tokenLabels.officers, kind: 'HMAC-SHA256' },
];
