import { profiledSubject } from './certificate.ts';
import type { CertificateFields } from './certificate-fields.ts';
import { der, derNull, derOid, octetString, sequence, tags } from './der.ts';
import type { Rule } from './lint-rule.ts';
import type { Profile } from './profiles.ts';
import { keyIdentifier } from './public-key.ts';

const oids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
} as const;

/** Rules about extensions: which are there, and for each its one right DER. */
export const extensionRules: readonly Rule[] = [
  {
    text: 'the issuer is an authority that may have this certificate below it (RFC 5280 §4.2.1.9)',
    holds: ({ draft: { profile, issuer: above }, issuer }) => {
      if (above === undefined) return profile.authority !== undefined;
      const allowed = pathLength(issuer);
      const signsCertificates = extensionValue(issuer, oids.keyUsage)?.equals(keyUsages.authority) === true;
      return signsCertificates && allowed !== undefined && allowed > (profile.authority?.pathLength ?? -1);
    },
  },
  {
    text: 'each extension of its kind is there once, with the right criticality, and no other (RFC 5280 §4.2)',
    holds: ({ fields, draft }) => {
      const { profile, urls, policies = [] } = draft;
      const expected = [
        `${oids.basicConstraints} true`,
        `${oids.keyUsage} true`,
        `${oids.subjectKeyIdentifier} false`,
        `${oids.authorityKeyIdentifier} false`,
        ...(profile.purpose ? [`${oids.extendedKeyUsage} ${profile.purpose === 'timeStamping'}`] : []),
        ...(profile.purpose === 'ocspSigning' ? [`${oids.ocspNoCheck} false`] : []),
        ...(profiledSubject(draft).email === undefined ? [] : [`${oids.subjectAltName} false`]),
        ...(policies.length === 0 ? [] : [`${oids.certificatePolicies} false`]),
        ...(urls?.crl === undefined ? [] : [`${oids.crlDistributionPoints} false`]),
        ...(urls ? [`${oids.authorityInfoAccess} false`] : []),
      ];
      const found = fields.extensions.map(({ oid, critical }) => `${oid} ${critical}`);
      return found.length === expected.length && expected.every((extension) => found.includes(extension));
    },
  },
  {
    text: 'basic constraints say what the certificate is (RFC 5280 §4.2.1.9)',
    holds: ({ fields, draft: { profile } }) =>
      profile.authority
        ? pathLength(fields) === profile.authority.pathLength
        : extensionValue(fields, oids.basicConstraints)?.equals(noAuthority) === true,
  },
  {
    text: 'an authority signs certificates and CRLs only, a service its answers only, a subscriber signs data only (RFC 5280 §4.2.1.3)',
    holds: ({ fields, draft: { profile } }) => is(fields, oids.keyUsage, keyUsages[roleOf(profile)]),
  },
  {
    text: 'a service has its one purpose, an authority and a subscriber none (RFC 3161 §2.3, RFC 6960 §4.2.2.2)',
    holds: ({ fields, draft: { profile } }) =>
      !(profile.authority && profile.purpose) &&
      is(fields, oids.extendedKeyUsage, profile.purpose && purposes[profile.purpose]) &&
      is(fields, oids.ocspNoCheck, profile.purpose === 'ocspSigning' ? derNull : undefined),
  },
  {
    text: 'the key identifiers are those of the subject key and the issuer key (RFC 5280 §4.2.1.1, §4.2.1.2)',
    holds: ({ fields, issuer }) =>
      is(fields, oids.subjectKeyIdentifier, octetString(keyIdentifier(fields.spki))) &&
      is(fields, oids.authorityKeyIdentifier, sequence(der(tags.context0, keyIdentifier(issuer.spki)))),
  },
  {
    text: 'an e-mail address in the name is an rfc822Name as well (RFC 5280 §4.1.2.6)',
    holds: ({ fields, draft }) => {
      const { email } = profiledSubject(draft);
      return is(fields, oids.subjectAltName, email && sequence(der(tags.context1, Buffer.from(email))));
    },
  },
  {
    text: 'the policies are those ordered, each once, and not anyPolicy (RFC 5280 §4.2.1.4)',
    holds: ({ fields, draft: { policies = [] } }) =>
      policies.every((oid) => /^[0-2](\.(0|[1-9][0-9]*))+$/.test(oid) && oid !== '2.5.29.32.0') &&
      new Set(policies).size === policies.length &&
      is(
        fields,
        oids.certificatePolicies,
        policies.length > 0 && sequence(...policies.map((oid) => sequence(derOid(oid)))),
      ),
  },
  {
    text: 'the CRL and the issuer are found under the ordered addresses, in plain http (RFC 5280 §4.2.1.13, §4.2.2.1, §8)',
    holds: ({ fields, draft: { urls } }) =>
      [urls?.caIssuers, urls?.ocsp, urls?.crl].every((url) => url === undefined || isPlainAddress(url)) &&
      is(fields, oids.crlDistributionPoints, urls?.crl && sequence(sequence(der(0xa0, der(0xa0, uri(urls.crl)))))) &&
      is(
        fields,
        oids.authorityInfoAccess,
        urls &&
          sequence(
            ...(urls.ocsp === undefined ? [] : [sequence(derOid('1.3.6.1.5.5.7.48.1'), uri(urls.ocsp))]),
            sequence(derOid('1.3.6.1.5.5.7.48.2'), uri(urls.caIssuers)),
          ),
      ),
  },
  {
    text: 'only what has an issuer names addresses of it, and an OCSP responder sends nobody to OCSP (RFC 6960 §4.2.2.2.1)',
    holds: ({ draft: { profile, issuer, urls } }) =>
      urls === undefined || (issuer !== undefined && !(profile.purpose === 'ocspSigning' && urls.ocsp !== undefined)),
  },
];

/** keyCertSign + cRLSign; digitalSignature; digitalSignature + nonRepudiation. */
const keyUsages = {
  authority: Buffer.from('03020106', 'hex'),
  service: Buffer.from('03020780', 'hex'),
  subscriber: Buffer.from('030206c0', 'hex'),
};

const purposes = {
  timeStamping: sequence(derOid('1.3.6.1.5.5.7.3.8')),
  ocspSigning: sequence(derOid('1.3.6.1.5.5.7.3.9')),
};

/** BasicConstraints of what is no authority. */
const noAuthority = Buffer.from('3000', 'hex');

function roleOf(profile: Profile): keyof typeof keyUsages {
  return profile.authority ? 'authority' : profile.purpose ? 'service' : 'subscriber';
}

/** Whether the extension has exactly this value; where none is expected, that it is not there. */
function is({ extensions }: CertificateFields, oid: string, value: Buffer | '' | false | undefined): boolean {
  const found = extensions.find((extension) => extension.oid === oid);
  return value ? found?.value.equals(value) === true : found === undefined;
}

const uri = (url: string): Buffer => der(tags.uri, Buffer.from(url, 'latin1'));

/** Plain http with a host and without a user, a query or a fragment, in printable ASCII and in one spelling. */
function isPlainAddress(url: string): boolean {
  return (
    /^http:\/\/[\x21-\x7e]+$/.test(url) &&
    !/[?#@"<>\\^`{|}]/.test(url) &&
    URL.canParse(url) &&
    new URL(url).href === url
  );
}

/** The path length of an authority's certificate: BasicConstraints { cA TRUE, pathLenConstraint n }. */
function pathLength(fields: CertificateFields): number | undefined {
  const value = extensionValue(fields, oids.basicConstraints)?.toString('hex') ?? '';
  const length = /^30060101ff0201([0-7][0-9a-f])$/.exec(value)?.[1];
  return length === undefined ? undefined : Number.parseInt(length, 16);
}

function extensionValue({ extensions }: CertificateFields, oid: string): Buffer | undefined {
  return extensions.find((extension) => extension.oid === oid)?.value;
}
