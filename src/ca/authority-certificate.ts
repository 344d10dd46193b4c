import { certificateFields } from '../pki/certificate-fields.ts';
import { readCertificate } from '../pki/read.ts';
import type { CaTx, IssuedCertificate } from '../store/ca/tables.ts';
import type { Authority } from './context.ts';
import { shardId } from './shards.ts';

/**
 * The certificate of an authority, responder or time-stamping unit as one that can be revoked, by its issuer like any
 * other; its row is made when it is first asked for. Undefined when no authority has this serial number, and for a root:
 * its own certificate is in no CRL, and whoever trusts it has to stop.
 */
export async function authorityCertificate(
  { rows }: Pick<Authority, 'rows'>,
  tx: CaTx,
  serialNumber: string,
): Promise<IssuedCertificate | undefined> {
  const known = await rows.authorities.find(tx, { serialNumber });
  if (!known || known.issuer === known.id) return undefined;
  const { id, issuer, role, certificate, notBefore, notAfter, createdAt } = known;
  const { tbs, spki } = certificateFields(certificate);
  await rows.certificates.insertOnce(tx, {
    ...{ serialNumber, credential: id, profile: role, policies: '[]', spki, tbs },
    subject: readCertificate(certificate).subjectDN,
    // Where its certificate says: authorities are entered in the first shard of their issuer.
    ...{ notBefore, notAfter, status: 'issued', certificate, authority: issuer, shard: shardId(issuer, 1), createdAt },
    ...{ revocation: 'none', reason: null, revokedBy: null, revokedAt: null },
  });
  return rows.certificates.find(tx, { serialNumber });
}
