import { certificateFields } from './certificate-fields.ts';
import { tags } from './der.ts';
import { DerReader } from './der-reader.ts';

/** Where a certificate says that its status and its issuer's certificate are to be had; all of them URIs. */
export type CertificateAddresses = { ocsp: string[]; issuers: string[]; crls: string[] };

const oids = {
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  ocsp: '1.3.6.1.5.5.7.48.1',
  caIssuers: '1.3.6.1.5.5.7.48.2',
  crlDistributionPoints: '2.5.29.31',
};
const most = 16;
const what = 'a certificate with readable addresses';

/**
 * The addresses in AuthorityInfoAccess and CRLDistributionPoints (RFC 5280 §4.2.2.1, §4.2.1.13), without those of CRLs for
 * some reasons only or of another issuer.
 * @throws KysoError document — malformed
 */
export function certificateAddresses(certificate: Uint8Array): CertificateAddresses {
  const { extensions } = certificateFields(certificate);
  const listOf = <Item>(oid: string, read: (items: DerReader) => Item): Item[] => {
    const found = extensions.find((extension) => extension.oid === oid);
    return found ? new DerReader(found.value, what).enter().list(most, read) : [];
  };
  const access = listOf(oids.authorityInfoAccess, (items) => {
    const fields = items.enter();
    return { method: fields.oid(), uris: urisOf(fields) };
  });
  const by = (wanted: string) => access.filter(({ method }) => method === wanted).flatMap(({ uris }) => uris);
  const crls = listOf(oids.crlDistributionPoints, (items) => {
    const fields = items.enter();
    const names = fields.enterOptional(tags.explicit0)?.enterOptional(tags.explicit0);
    return names && !fields.follows() ? urisOf(names) : [];
  });
  return { ocsp: by(oids.ocsp), issuers: by(oids.caIssuers), crls: crls.flat() };
}

/** Those of the remaining GeneralNames that are URIs. */
function urisOf(names: DerReader): string[] {
  const all = names.list(most, (items) => items.element());
  return all.filter(({ tag }) => tag === tags.uri).map(({ content }) => content.toString('latin1'));
}
