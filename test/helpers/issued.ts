import type { Authority } from '../../src/ca/context.ts';
import { assignShard } from '../../src/ca/shards.ts';
import type { KeyTypeName } from '../../src/crypto/algorithms.ts';
import { newSerialNumber } from '../../src/pki/certificate.ts';
import { lint, signLinted } from '../../src/pki/lint.ts';
import { profiles, validityOf } from '../../src/pki/profiles.ts';
import type { IssuedCertificate } from '../../src/store/ca/tables.ts';
import { teacher, testKey } from './authority.ts';

/** A certificate that stands in ca's store as an issued one, without a line or a signer behind it. */
export async function issued(
  authority: Authority,
  keyType: KeyTypeName = 'EC-P256',
  changes: Partial<IssuedCertificate> = {},
): Promise<IssuedCertificate & { certificate: Buffer }> {
  const { rows, store, clock, pki, urls } = authority;
  const issuer = pki.issuerOf(keyType);
  const { spki } = testKey(keyType);
  const serialNumber = newSerialNumber();
  const { notBefore, notAfter } = validityOf(profiles.individual, 'new', clock.now(), new Date(issuer.notAfter));
  const shard = await store.write((tx) => assignShard(authority, tx, issuer.id));
  const linted = await lint({
    ...{ profile: profiles.individual, procedure: 'new', serialNumber, subject: teacher, publicKey: spki },
    ...{ notBefore, notAfter, issuer: issuer.certificate },
    urls: { caIssuers: urls.caIssuers(issuer.id), ocsp: urls.ocsp, crl: urls.crl(shard) },
  });
  const certificate = await signLinted(linted, issuer.key.sign);
  const row = await store.write((tx) =>
    rows.certificates.insert(tx, {
      ...{ serialNumber, credential: `of-${serialNumber}`, profile: 'individual', policies: '[]' },
      subject: JSON.stringify(teacher),
      ...{ spki, notBefore: notBefore.getTime(), notAfter: notAfter.getTime(), tbs: linted.tbs, certificate },
      ...{ status: 'issued', authority: issuer.id, shard, createdAt: clock.now() },
      ...{ revocation: 'none', reason: null, revokedBy: null, revokedAt: null },
      ...changes,
    }),
  );
  return { ...row, certificate };
}
