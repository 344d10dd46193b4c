import { keyTypes } from '../crypto/algorithms.ts';

/** Key usage bits that our profiles use (RFC 5280 §4.2.1.3). */
export type KeyUsage = 'digitalSignature' | 'nonRepudiation' | 'keyCertSign' | 'cRLSign';

/**
 * A kind of certificate as data. CRL distribution points and AIA join when something answers under them; a policy OID
 * when a certificate policy stands behind it.
 */
export type Profile = {
  name: string;
  /** Present for an authority: how many authorities may follow below it (RFC 5280 §4.2.1.9). */
  authority?: { pathLength: number };
  keyUsage: readonly KeyUsage[];
  /** Subject keys that it accepts. */
  keyTypes: readonly string[];
  /** How long a certificate of this kind is good, in calendar years. */
  years: number;
  /** Whether the subject's e-mail stands in the DN and as rfc822Name, as in VGCA's certificates of individuals. */
  email: boolean;
  /** Whether the subject's `CCCD:` number stands in the DN as UID, as public CAs write it and VGCA does not. */
  personalId: boolean;
};

/** Decree 68/2024/NĐ-CP art. 9: an authority's certificate 20 years, a new subscriber certificate 5 years. */
export const legalYears = { authority: 20, subscriber: 5 } as const;

export const profiles = {
  root: {
    name: 'root',
    authority: { pathLength: 1 },
    keyUsage: ['keyCertSign', 'cRLSign'],
    keyTypes: ['RSA-3072'],
    years: legalYears.authority,
    email: false,
    personalId: false,
  },
  issuing: {
    name: 'issuing',
    authority: { pathLength: 0 },
    keyUsage: ['keyCertSign', 'cRLSign'],
    keyTypes: ['RSA-3072', 'EC-P256'],
    years: 10,
    email: false,
    personalId: false,
  },
  /**
   * An individual's signing certificate. VGCA's also carry the encipherment bits; ours do not, because a key that
   * signs must never be asked to decrypt (the token refuses it, too).
   */
  individual: {
    name: 'individual',
    keyUsage: ['digitalSignature', 'nonRepudiation'],
    keyTypes: Object.keys(keyTypes),
    years: legalYears.subscriber,
    email: true,
    personalId: false,
  },
} as const satisfies Record<string, Profile>;

/**
 * The validity of a certificate of this profile that begins at `now` (epoch milliseconds), in whole seconds. Both ends
 * count (RFC 5280 §4.1.2.5), so it ends one second before the anniversary; it ends earlier where the issuer does.
 */
export function validityOf(profile: Profile, now: number, issuerNotAfter?: Date): { notBefore: Date; notAfter: Date } {
  const notBefore = new Date(Math.floor(now / 1000) * 1000);
  const full = lastSecond(notBefore, profile.years);
  return { notBefore, notAfter: issuerNotAfter && issuerNotAfter < full ? issuerNotAfter : full };
}

/** The last second of a span of calendar years that begins with `start`. */
export function lastSecond(start: Date, years: number): Date {
  const end = new Date(start);
  end.setUTCFullYear(end.getUTCFullYear() + years);
  return new Date(end.getTime() - 1000);
}
