import { KysoError } from '../base/errors.ts';
import { certificateFields } from '../pki/certificate-fields.ts';
import { crlEntries, readCrl } from '../pki/crl-reader.ts';
import { isSignedBy } from '../pki/signed.ts';
import type { Retrieve } from './retrieve.ts';
import { refuseRevoked, type Status, serialOf } from './status.ts';

/** One of 5,000 entries has 200 kB. */
const crlBytes = 4_194_304;

/**
 * The status of a certificate by the CRL at `url`, which is its issuer's and covers it.
 * @throws as `statusOf`, without the certificate's name
 */
export async function crlStatus(certificate: Buffer, issuer: Buffer, url: string, retrieve: Retrieve): Promise<Status> {
  const der = Buffer.from(await retrieve(url, { most: crlBytes }));
  const crl = readCrl(der);
  const { subject, spki } = certificateFields(issuer);
  const covers = crl.distributionPoint === undefined || crl.distributionPoint === url;
  if (!crl.issuer.equals(subject) || !covers || !isSignedBy(crl, spki))
    throw new KysoError('integrity', `the CRL at ${url} is not the one of this certificate's issuer.`);
  const serialNumber = serialOf(certificate);
  for (const entry of crlEntries(crl)) {
    if (entry.serialNumber === serialNumber) refuseRevoked(certificate, entry.revokedAt, entry.reason);
  }
  return { evidence: 'crl', der, from: crl.thisUpdate, until: crl.nextUpdate };
}
