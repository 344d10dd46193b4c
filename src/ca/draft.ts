import { KysoError } from '../base/errors.ts';
import type { Line as LineFields } from '../ipc/line.ts';
import { type CertificateDraft, newSerialNumber } from '../pki/certificate.ts';
import { type LintedTbs, lint } from '../pki/lint.ts';
import { type Profile, profileNamed, validityOf } from '../pki/profiles.ts';
import { importSpki, keyTypeOf } from '../pki/public-key.ts';
import type { IssuedCertificate, Line } from '../store/ca/tables.ts';
import type { CaAuthority } from './authorities.ts';
import type { Authority } from './context.ts';
import { attestedKey } from './key.ts';
import { subjectOf } from './line.ts';
import { procedures } from './procedures.ts';
import { assertLineProofs } from './proofs.ts';
import { assignShard } from './shards.ts';

/**
 * The certificate that a line with an attested key leads to, linted. All of it comes from the line, from the certificate
 * before and from the attestation (S76). All three proofs of the line are verified once more (design §5).
 * @throws KysoError signatureInvalid, approvalMissing, lineChanged — a proof lacks
 * @throws KysoError attestationInvalid, lintRefused, nameRefused
 * @throws KysoError orderRefused — the certificate before was revoked meanwhile
 */
export async function draftLine(
  authority: Authority,
  line: Line,
): Promise<{ draft: CertificateDraft; linted: LintedTbs; issuer: CaAuthority; shard: string }> {
  const { clock, pki, store, policies } = authority;
  await assertLineProofs(authority, store.read, line);
  const fields: LineFields = JSON.parse(line.text);
  const procedure = procedures[fields.procedure];
  const before = await certificateBefore(authority, fields);
  const profile = profileOf(authority, fields, before);
  const validity = procedure.validity === 'kept' ? 'new' : procedure.validity;
  const publicKey = await keyOf(authority, line, procedure.newKey);
  const issuer = pki.issuerOf(keyTypeOf(importSpki(publicKey)));
  const span = validityOf(profile, validity, clock.now(), new Date(issuer.notAfter));
  const kept = procedure.validity === 'kept' && before ? { notAfter: new Date(before.notAfter) } : {};
  // By itself: the address stands in what is linted. A place that comes to nothing stays empty.
  const shard = await store.write((tx) => assignShard(authority, tx, issuer.id));
  const draft = {
    ...{
      profile,
      serialNumber: newSerialNumber(),
      issuer: issuer.certificate,
      publicKey,
      procedure: validity,
      policies,
      ...span,
      ...kept,
    },
    subject: subjectOf(fields, before && JSON.parse(before.subject)),
    urls: urlsIn(authority, issuer.id, shard),
  };
  return { draft, linted: await lint(draft), issuer, shard };
}

/** That of the installation; a certificate with the subject of the one before shows what that one did. */
function profileOf({ profile }: Authority, line: LineFields, before?: IssuedCertificate): Profile {
  const named = 'subject' in line && line.subject;
  return (!named && before && profileNamed(before.profile)) || profile;
}

/** Where a certificate of this issuer and shard says that its status is. */
const urlsIn = ({ urls }: Authority, issuer: string, shard: string) => ({
  ...{ caIssuers: urls.caIssuers(issuer), ocsp: urls.ocsp, crl: urls.crl(shard) },
});

/** The certificate that a line follows; undefined for a first one. */
async function certificateBefore({ rows, store }: Authority, line: LineFields): Promise<IssuedCertificate | undefined> {
  if (line.procedure === 'issue') return undefined;
  const before = await rows.certificates.find(store.read, { serialNumber: line.certificate });
  if (before?.revocation === 'none') return before;
  throw new KysoError('orderRefused', 'the certificate that this line follows was revoked or put on hold meanwhile');
}

async function keyOf(authority: Authority, line: Line, isNew: boolean): Promise<Buffer> {
  const { rows, store } = authority;
  const credential = await rows.credentials.find(store.read, { id: line.credential });
  if (!credential || !line.spki) throw new KysoError('integrity', `line ${line.lineHash} has no key`);
  if (!isNew) return line.spki;
  return attestedKey(authority, line, credential, JSON.parse(line.attestation ?? 'null'));
}

/**
 * The linted TBS of an intent that a former life of this process left, under the profile and policies of its time;
 * undefined when the same bytes no longer come out (another issuing certificate, other addresses, another version of
 * Kyso) or no longer pass.
 */
export async function lintAgain(
  authority: Authority,
  issuer: CaAuthority,
  { procedure }: Line,
  intended: IssuedCertificate,
): Promise<LintedTbs | undefined> {
  const profile = profileNamed(intended.profile);
  if (!profile) return undefined;
  try {
    const linted = await lint({
      profile,
      policies: JSON.parse(intended.policies),
      procedure: procedure === 'renew' ? 'renewed' : 'new',
      serialNumber: intended.serialNumber,
      subject: JSON.parse(intended.subject),
      publicKey: intended.spki,
      notBefore: new Date(intended.notBefore),
      notAfter: new Date(intended.notAfter),
      issuer: issuer.certificate,
      urls: urlsIn(authority, issuer.id, intended.shard),
    });
    return linted.tbs.equals(intended.tbs) ? linted : undefined;
  } catch (error) {
    if (error instanceof KysoError && error.kind === 'lintRefused') return undefined;
    throw error;
  }
}
