import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Attestation } from '../ipc/feed.ts';
import { newSerialNumber } from '../pki/certificate.ts';
import { type LintedTbs, lint, signLinted } from '../pki/lint.ts';
import { profiles, validityOf } from '../pki/profiles.ts';
import type { CaTx, Credential, IssuedCertificate } from '../store/ca/tables.ts';
import type { CaAuthority } from './authorities.ts';
import { type Authority, record } from './context.ts';
import { attestedKey } from './key.ts';
import { assertSandbox, lineSubject } from './line.ts';
import { appendOrder } from './orders.ts';
import { assignShard } from './shards.ts';

/**
 * Issues the certificate of a credential whose key is attested, and orders signer to install it. Order: lint on a
 * throw-away signature, intent durable (serial number and TBS), sign, result durable (S74). An intent that a crash left
 * behind is completed; one that can no longer be is discarded and a new one made. Repeating it changes nothing.
 * @throws KysoError orderRefused — outside the sandbox, or the credential is not at this point
 * @throws KysoError attestationInvalid, lintRefused, nameRefused — nothing was signed
 */
export async function issueCertificate(authority: Authority, credentialID: string): Promise<Credential> {
  assertSandbox(authority);
  let credential = await findCredential(authority, credentialID);
  if (credential.status === 'intended') credential = await complete(authority, credential);
  if (credential.status === 'attested') {
    const linted = await intend(authority, credential);
    await failpoint('certificate.intended');
    credential = await complete(authority, await findCredential(authority, credentialID), linted);
  }
  await failpoint('certificate.issued');
  if (credential.certificateOrder !== null) return credential;
  throw new KysoError('orderRefused', `the credential is ${credential.status}: no certificate can be issued for it`);
}

async function findCredential({ rows, store }: Authority, id: string): Promise<Credential> {
  const credential = await rows.credentials.find(store.read, { id });
  if (!credential) throw new KysoError('credentialUnknown', 'no such credential');
  return credential;
}

/** Records what is going to be signed. Undefined when another call was faster: its intent counts, and ours is gone. */
async function intend(authority: Authority, credential: Credential): Promise<LintedTbs | undefined> {
  const { store, rows, clock, pki } = authority;
  const issuer = pki.issuerOf(credential.keyType);
  const attestation: Attestation = JSON.parse(credential.attestation ?? 'null');
  const spki = await attestedKey(authority, credential, attestation);
  const profile = profiles.individual;
  const subject = lineSubject(JSON.parse(credential.line));
  const serialNumber = newSerialNumber();
  const { notBefore, notAfter } = validityOf(profile, 'new', clock.now(), new Date(issuer.notAfter));
  const linted = await lint({
    ...{ profile, procedure: 'new', serialNumber, subject, publicKey: spki, notBefore, notAfter },
    issuer: issuer.certificate,
  });

  return store.write(async (tx) => {
    const locked = await rows.credentials.lock(tx, { id: credential.id, status: 'attested' });
    if (!locked) return undefined;
    const intended = await rows.certificates.insert(tx, {
      serialNumber,
      credential: credential.id,
      profile: profile.name,
      subject: JSON.stringify(subject),
      spki,
      notBefore: notBefore.getTime(),
      notAfter: notAfter.getTime(),
      tbs: linted.tbs,
      status: 'intended',
      certificate: null,
      authority: issuer.id,
      shard: await assignShard(authority, tx, issuer.id),
      revocation: 'none',
      reason: null,
      revokedBy: null,
      revokedAt: null,
      createdAt: clock.now(),
    });
    await rows.credentials.replace(tx, locked, { status: 'intended', certificate: serialNumber });
    await recordCertificate(authority, tx, intended, 'intended', { lineHash: locked.lineHash });
    return linted;
  });
}

/** Signs an intent and records the result; returns the credential as it then stands. */
async function complete(authority: Authority, credential: Credential, made?: LintedTbs): Promise<Credential> {
  const { store, rows, pki } = authority;
  if (credential.status !== 'intended' || credential.certificate === null) return credential;
  const keys = {
    credential: { id: credential.id, status: 'intended', certificate: credential.certificate },
    certificate: { serialNumber: credential.certificate, status: 'intended' },
  };
  const intended = await rows.certificates.find(store.read, keys.certificate);
  const issuer = intended && pki.byId(intended.authority);
  const linted = issuer && (made ?? (await lintAgain(issuer, intended)));
  const certificate = linted && (await signLinted(linted, issuer.key.sign));
  await failpoint('certificate.signed');

  return store.write(async (tx) => {
    const locked = await rows.credentials.lock(tx, keys.credential);
    const row = locked && (await rows.certificates.lock(tx, keys.certificate));
    if (!row) return (await rows.credentials.find(tx, { id: credential.id })) ?? credential;
    if (!certificate || !issuer) {
      await rows.certificates.replace(tx, row, { status: 'discarded' });
      await recordCertificate(authority, tx, row, 'failed', { why: 'notReproducible' });
      return rows.credentials.replace(tx, locked, { status: 'attested', certificate: null });
    }
    await rows.certificates.replace(tx, row, { status: 'issued', certificate });
    const chain = [certificate, issuer.certificate, ...issuer.chain].map((der) => der.toString('base64'));
    const certificateOrder = await appendOrder(authority, tx, {
      kind: 'certificate',
      credentialID: credential.id,
      chain,
    });
    await recordCertificate(authority, tx, row, 'done', { certificate: sha256(certificate).toString('hex') });
    return rows.credentials.replace(tx, locked, { status: 'issued', certificateOrder });
  });
}

/**
 * The linted TBS of an intent that a former life of this process left; undefined when the same bytes no longer come
 * out (another issuing certificate, another version of Kyso) or no longer pass.
 */
async function lintAgain(issuer: CaAuthority, intended: IssuedCertificate): Promise<LintedTbs | undefined> {
  try {
    const linted = await lint({
      profile: profiles.individual,
      procedure: 'new',
      serialNumber: intended.serialNumber,
      subject: JSON.parse(intended.subject),
      publicKey: intended.spki,
      notBefore: new Date(intended.notBefore),
      notAfter: new Date(intended.notAfter),
      issuer: issuer.certificate,
    });
    return linted.tbs.equals(intended.tbs) ? linted : undefined;
  } catch (error) {
    if (error instanceof KysoError && error.kind === 'lintRefused') return undefined;
    throw error;
  }
}

function recordCertificate(
  authority: Authority,
  tx: CaTx,
  { serialNumber, credential, spki, tbs }: IssuedCertificate,
  result: 'intended' | 'done' | 'failed',
  detail: Record<string, string>,
): Promise<void> {
  const facts = { serialNumber, spki: sha256(spki).toString('hex'), tbs: sha256(tbs).toString('hex') };
  return record(authority, tx, { event: 'certificate.issue', result, credential, detail: { ...facts, ...detail } });
}
