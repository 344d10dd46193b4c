import type { PkiUrls } from '../base/pki-urls.ts';
import { type CertificateDraft, type CertificateUrls, newSerialNumber } from '../pki/certificate.ts';
import { lint, signLinted } from '../pki/lint.ts';
import { validityOf } from '../pki/profiles.ts';
import { readCertificate } from '../pki/read.ts';
import type { CaRows } from '../store/ca/rows.ts';
import type { AuthorityRow, CaTx } from '../store/ca/tables.ts';
import type { CaKey } from './ca-token.ts';
import { type AuthorityKind, type AuthorityRole, authorityId, kinds, labelOf } from './kinds.ts';
import { assignShard, shardId } from './shards.ts';

/** How the authorities of this ca are called: O, and what their common names begin with. */
export type AuthorityNames = { organisation: string; name: string };

/** What signs: its certificate (DER) and its key. */
type Signer = { id: string; certificate: Buffer; key: CaKey };

type Order = {
  kind: AuthorityKind;
  number: number;
  key: CaKey;
  names: AuthorityNames;
  /** Absent for a root, which signs its own. */
  issuer?: Signer;
  urls: PkiUrls;
  /** The address of the issuer's first CRL where it has one: it stays, whatever `urls` says by now. */
  crl?: string;
  /** Epoch milliseconds. */
  now: number;
};

/** The row of a new authority, with its certificate. */
export type NewAuthority = Omit<AuthorityRow, 'version' | 'mac'>;

/**
 * Makes the certificate of an authority, responder or time-stamping unit, linted as any other.
 * @throws KysoError nameRefused, lintRefused — nothing was signed
 */
export async function makeAuthority(order: Order): Promise<NewAuthority> {
  const { kind, number, key, names, issuer, now } = order;
  const { role, profile, keyType, title } = kinds[kind];
  const id = authorityId(kind, number);
  const subject = {
    commonName: `${names.name} ${title} ${number}`,
    organisation: names.organisation,
    organisationalUnits: [],
    country: 'VN' as const,
  };
  const end = issuer && readCertificate(issuer.certificate).validTo;
  const validity = validityOf(profile, 'new', now, end);
  const draft: CertificateDraft = {
    ...{ profile, procedure: 'new', serialNumber: newSerialNumber(), subject, publicKey: key.spki, ...validity },
    ...(issuer && { issuer: issuer.certificate, urls: urlsOf(role, issuer.id, order) }),
  };
  const certificate = await signLinted(await lint(draft), (issuer?.key ?? key).sign);
  return {
    ...{ id, role, keyType, label: labelOf(id), issuer: issuer?.id ?? id },
    ...{ serialNumber: draft.serialNumber, certificate, status: 'active', createdAt: now },
    ...{ notBefore: validity.notBefore.getTime(), notAfter: validity.notAfter.getTime() },
  };
}

/**
 * A root answers no OCSP, and nobody asks for the status of a responder. The CRL is that of the issuer's first shard: an
 * issuer has few certificates of this kind. It speaks for those only that name its address byte by byte.
 */
function urlsOf(role: AuthorityRole, issuer: string, { urls, crl }: Pick<Order, 'urls' | 'crl'>): CertificateUrls {
  const answered = role === 'tsa' && { ocsp: urls.ocsp };
  return { caIssuers: urls.caIssuers(issuer), crl: crl ?? urls.crl(shardId(issuer, 1)), ...answered };
}

/** Records it, with a place for it in the CRL that its certificate names. */
export async function enterAuthority(
  { rows, urls }: { rows: CaRows; urls: PkiUrls },
  tx: CaTx,
  authority: NewAuthority,
): Promise<void> {
  const { id, issuer } = authority;
  await rows.authorities.insert(tx, authority);
  if (issuer === id || (await rows.crlShards.find(tx, { id: shardId(issuer, 1) }))) return;
  await assignShard({ rows, urls }, tx, issuer);
}
