import { keyTypes } from '../crypto/algorithms.ts';

/** Key usage bits that our profiles use (RFC 5280 §4.2.1.3). */
export type KeyUsage = 'digitalSignature' | 'nonRepudiation' | 'keyCertSign' | 'cRLSign';

/** A subscriber's first certificate (or one with another key), or one that follows on another: `gia hạn`. */
export type Procedure = 'new' | 'renewed';

/** Which fields of an approved subject stand in the certificate. What is off is left out, though the line has it. */
export type SubjectSwitches = {
  locality: boolean;
  organisationalUnits: boolean;
  /** The provincial committee is O and the organisation the first OU, as VGCA writes schools and communes. */
  committee: boolean;
  /** In the DN and as rfc822Name, as in VGCA's certificates of individuals. */
  email: boolean;
  /** The `CCCD:` number as UID, as public CAs write it and VGCA does not. */
  personalId: boolean;
};

/** A kind of certificate as data. */
export type Profile = {
  name: string;
  /** Present for an authority: how many authorities may follow below it (RFC 5280 §4.2.1.9). */
  authority?: { pathLength: number };
  keyUsage: readonly KeyUsage[];
  /** Its one purpose. Critical for a TSA (RFC 3161 §2.3); an OCSP responder's comes with id-pkix-ocsp-nocheck. */
  purpose?: 'ocspSigning' | 'timeStamping';
  /** Subject keys that it accepts. */
  keyTypes: readonly string[];
  /** How long a certificate of this kind is good, in calendar years. */
  years: Readonly<Record<Procedure, number>>;
  shows: Readonly<SubjectSwitches>;
};

/**
 * The longest validity in calendar years. Decree 68/2024/NĐ-CP art. 9: the certificate of an authority 20 years, a new
 * subscriber certificate 5 years, a renewed one 3 years. Its services (OCSP, time) are held to the subscribers' limit.
 */
export const legalYears = { authority: 20, new: 5, renewed: 3 } as const;

const authorityKeys = ['RSA-3072', 'RSA-4096', 'EC-P256', 'EC-P384'];
const serviceKeys = ['RSA-2048', 'RSA-3072', 'EC-P256', 'EC-P384'];
/** What names an authority or a service: organisation, units and common name, perhaps a place. */
const plain = { locality: true, organisationalUnits: true, committee: false, email: false, personalId: false };
const individual = { ...plain, email: true };

export const profiles = {
  root: {
    name: 'root',
    authority: { pathLength: 1 },
    keyUsage: ['keyCertSign', 'cRLSign'],
    keyTypes: authorityKeys,
    years: { new: legalYears.authority, renewed: legalYears.authority },
    shows: plain,
  },
  issuing: {
    name: 'issuing',
    authority: { pathLength: 0 },
    keyUsage: ['keyCertSign', 'cRLSign'],
    keyTypes: authorityKeys,
    years: { new: 10, renewed: 10 },
    shows: plain,
  },
  /** Answers OCSP for the authority that issued it (RFC 6960 §4.2.2.2). Short, because nobody asks for its status. */
  ocspResponder: {
    name: 'ocspResponder',
    keyUsage: ['digitalSignature'],
    purpose: 'ocspSigning',
    keyTypes: serviceKeys,
    years: { new: 2, renewed: 2 },
    shows: plain,
  },
  /** As long as may be: a timestamp can be verified until this ends. */
  tsa: {
    name: 'tsa',
    keyUsage: ['digitalSignature'],
    purpose: 'timeStamping',
    keyTypes: serviceKeys,
    years: { new: legalYears.new, renewed: legalYears.renewed },
    shows: plain,
  },
  /**
   * An individual's signing certificate. VGCA's also carry the encipherment bits; ours do not, because a key that
   * signs must never be asked to decrypt (the token refuses it, too).
   */
  individual: subscriber('individual', individual),
  /** With the provincial committee in O. */
  individualVgca: subscriber('individualVgca', { ...individual, committee: true }),
  /** With the `CCCD:` number, as hospitals' and insurers' software reads it. */
  individualCccd: subscriber('individualCccd', { ...individual, personalId: true }),
} as const satisfies Record<string, Profile>;

export type ProfileName = keyof typeof profiles;

/** A profile by its name, as the store has it; undefined for a name that this version does not know. */
export function profileNamed(name: string): Profile | undefined {
  return Object.values(profiles).find((profile) => profile.name === name);
}

function subscriber<Name extends string>(name: Name, shows: SubjectSwitches): Profile & { name: Name } {
  return {
    name,
    keyUsage: ['digitalSignature', 'nonRepudiation'],
    keyTypes: Object.keys(keyTypes),
    years: { new: legalYears.new, renewed: legalYears.renewed },
    shows,
  };
}

/**
 * The validity of a certificate of this profile that begins at `now` (epoch milliseconds), in whole seconds. Both ends
 * count (RFC 5280 §4.1.2.5), so it ends one second before the anniversary; it ends earlier where the issuer does.
 */
export function validityOf(
  profile: Profile,
  procedure: Procedure,
  now: number,
  issuerNotAfter?: Date,
): { notBefore: Date; notAfter: Date } {
  const notBefore = new Date(Math.floor(now / 1000) * 1000);
  const full = lastSecond(notBefore, profile.years[procedure]);
  return { notBefore, notAfter: issuerNotAfter && issuerNotAfter < full ? issuerNotAfter : full };
}

/** The last moment at which a certificate that begins with `start` may end. */
export function legalEnd(profile: Profile, procedure: Procedure, start: Date): Date {
  return lastSecond(start, profile.authority ? legalYears.authority : legalYears[procedure]);
}

/** The last second of a span of calendar years that begins with `start`. */
function lastSecond(start: Date, years: number): Date {
  const end = new Date(start);
  end.setUTCFullYear(end.getUTCFullYear() + years);
  return new Date(end.getTime() - 1000);
}
