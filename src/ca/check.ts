import { sha256 } from '../base/bytes.ts';
import { kindOf } from '../base/errors.ts';
import { pkiUrlsAt } from '../base/pki-urls.ts';
import type { CaCheckContract, CheckedCertificate } from '../ipc/ca-check-contract.ts';
import type { Handlers } from '../ipc/contract.ts';
import { certificateFields } from '../pki/certificate-fields.ts';
import { brokenRule } from '../pki/lint.ts';
import { profileNamed } from '../pki/profiles.ts';
import type { IssuedCertificate } from '../store/ca/tables.ts';
import { leavesAfter } from '../store/log.ts';
import type { Authority } from './context.ts';
import { external } from './crl-entries.ts';

/**
 * What `kyso ca check` reads, in small parts so that issuing goes on. Each issued certificate is judged once more by the
 * rules that it was issued under, and compared with its row, its line and its key; openssl is the checker's own affair.
 */
export function checkHandlers(authority: Authority): Handlers<CaCheckContract> {
  const { rows, store, pki } = authority;
  return {
    'check.authorities': async () => ({
      authorities: pki.all().map(({ id, issuer, certificate }) => ({ id, issuer, certificate: base64(certificate) })),
    }),
    'check.certificates': async ({ after, limit }) => {
      const { good, bad, last } = await rows.certificates.walk(store.read, after, limit);
      const issued = good.filter(
        ({ status, revocation, authority }) => authority !== external && (status === 'issued' || revocation !== 'none'),
      );
      const certificates = await Promise.all(issued.map((row) => checkedCertificate(authority, row)));
      return { certificates, bad, ...(last !== undefined && { last }) };
    },
    'check.shards': async ({ after, limit }) => {
      const { good, bad, last } = await rows.crlShards.walk(store.read, after, limit);
      const shards = await Promise.all(
        good.map(async ({ id, authority, thisUpdate, nextUpdate }) => {
          const inForce = await rows.crls.find(store.read, { shard: id });
          return { id, authority, thisUpdate, nextUpdate, ...(inForce && { crl: base64(inForce.crl) }) };
        }),
      );
      return { shards, bad, ...(last !== undefined && { last }) };
    },
    'check.log': async ({ after, limit }) => {
      const leaves = await leavesAfter(store.read, after, limit);
      const last = leaves.length === limit ? leaves.at(-1)?.id : undefined;
      return { issued: leaves.flatMap(({ leaf }) => issuedIn(leaf)), ...(last !== undefined && { last }) };
    },
  };
}

async function checkedCertificate(authority: Authority, row: IssuedCertificate): Promise<CheckedCertificate> {
  const { serialNumber, shard, notAfter, status, revocation, certificate } = row;
  const revokedAt = revocation === 'none' ? 0 : (row.revokedAt ?? 0);
  const facts = { serialNumber, authority: row.authority, shard, notAfter, revokedAt };
  if (status !== 'issued' || authority.pki.byId(row.credential)) return { ...facts, problems: [] };
  if (!certificate) return { ...facts, problems: ['it was issued, and its bytes are gone'] };
  const problems = await problemsOf(authority, row, certificate).catch((error: unknown) => [
    `it cannot be judged: ${kindOf(error)}`,
  ]);
  return { ...facts, certificate: base64(certificate), problems };
}

async function problemsOf(authority: Authority, row: IssuedCertificate, certificate: Buffer): Promise<string[]> {
  const { rows, store, pki } = authority;
  const issuer = pki.byId(row.authority);
  const profile = profileNamed(row.profile);
  if (!issuer || !profile) return [`its authority ${row.authority} or profile ${row.profile} is unknown`];
  const shard = await rows.crlShards.find(store.read, { id: row.shard });
  if (!shard) return [`its CRL shard ${row.shard} is unknown`];
  // The addresses of its time, which its shard keeps.
  const urls = pkiUrlsAt(shard.url.slice(0, -`/crl/${shard.id}.crl`.length));
  const lines = await rows.lines.list(store.read, { credential: row.credential });
  const line = lines.find((candidate) => candidate.certificate === row.serialNumber);
  const key = await rows.keys.find(store.read, { spkiHash: sha256(row.spki).toString('hex') });
  const broken = brokenRule(certificate, {
    ...{ profile, procedure: line?.procedure === 'renew' ? 'renewed' : 'new', serialNumber: row.serialNumber },
    ...{ subject: JSON.parse(row.subject), policies: JSON.parse(row.policies) },
    ...{ publicKey: row.spki, issuer: issuer.certificate },
    ...{ notBefore: new Date(row.notBefore), notAfter: new Date(row.notAfter) },
    urls: { caIssuers: urls.caIssuers(row.authority), ocsp: urls.ocsp, crl: urls.crl(row.shard) },
  });
  return [
    ...(broken ? [`it does not hold that ${broken}`] : []),
    ...(certificateFields(certificate).tbs.equals(row.tbs) ? [] : ['it is not what was intended before it was signed']),
    ...(line ? [] : ['there is no line that it was issued for']),
    ...(key?.credential === row.credential ? [] : ['its key was never attested for its credential']),
  ];
}

/** The certificate that this leaf says was issued. */
function issuedIn(leaf: string): { hash: string; at: number }[] {
  const { event, result, detail, at } = JSON.parse(leaf);
  return event === 'certificate.issue' && result === 'done' ? [{ hash: String(detail?.certificate), at }] : [];
}

const base64 = (bytes: Buffer) => bytes.toString('base64');
