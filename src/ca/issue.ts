import { sha256 } from '../base/bytes.ts';
import { type ErrorKind, KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Line as LineFields } from '../ipc/line.ts';
import { type LintedTbs, signLinted } from '../pki/lint.ts';
import type { CaTx, IssuedCertificate, Line } from '../store/ca/tables.ts';
import { type Authority, record } from './context.ts';
import { draftLine, lintAgain } from './draft.ts';
import { isExternal } from './line.ts';
import { refuseLine } from './lines.ts';
import { appendOrder } from './orders.ts';
import { revokeDiscarded } from './revoke.ts';

/**
 * Issues the certificate of a line whose key is attested, and orders signer to install it. Order: lint on a throw-away
 * signature, intent durable (serial number and TBS), sign, result durable (S74). An intent that a crash left behind is
 * completed; one that can no longer be is discarded and a new one made. Repeating it changes nothing.
 * @param lineHash hex
 * @throws KysoError orderRefused — the line is not at this point
 * @throws KysoError attestationInvalid, lintRefused, nameRefused — nothing was signed
 */
export async function issueCertificate(authority: Authority, lineHash: string): Promise<Line> {
  let line = await findLine(authority, lineHash);
  if (line.status === 'intended') line = await complete(authority, line);
  // Once more where a revocation came between: then the draft finds it, and the line ends.
  for (let tries = 0; tries < 2 && line.status === 'attested' && !isExternal(line); tries += 1) {
    const linted = await intend(authority, line);
    await failpoint('certificate.intended');
    line = await complete(authority, await findLine(authority, lineHash), linted);
  }
  await failpoint('certificate.issued');
  if (line.certificateOrder !== null) return line;
  throw new KysoError('orderRefused', `the line is ${line.status}: no certificate can be issued for it`);
}

async function findLine({ rows, store }: Authority, lineHash: string): Promise<Line> {
  const line = await rows.lines.find(store.read, { lineHash });
  if (!line) throw new KysoError('orderRefused', 'there is no such line');
  return line;
}

/** Records what is going to be signed. Undefined when another call was faster: its intent counts, and ours is gone. */
async function intend(authority: Authority, line: Line): Promise<LintedTbs | undefined> {
  const { store, rows, clock } = authority;
  const { linted, draft, issuer, shard } = await draftLine(authority, line).catch(async (error: unknown) => {
    throw await refusedFor(authority, line, error);
  });
  return store.write(async (tx) => {
    const locked = await rows.lines.lock(tx, { lineHash: line.lineHash, status: 'attested' });
    if (!locked) return undefined;
    const intended = await rows.certificates.insert(tx, {
      serialNumber: draft.serialNumber,
      credential: line.credential,
      profile: draft.profile.name,
      policies: JSON.stringify(draft.policies),
      subject: JSON.stringify(draft.subject),
      spki: Buffer.from(draft.publicKey),
      notBefore: draft.notBefore.getTime(),
      notAfter: draft.notAfter.getTime(),
      tbs: linted.tbs,
      status: 'intended',
      certificate: null,
      authority: issuer.id,
      shard,
      revocation: 'none',
      reason: null,
      revokedBy: null,
      revokedAt: null,
      createdAt: clock.now(),
    });
    await rows.lines.replace(tx, locked, { status: 'intended', certificate: draft.serialNumber });
    await recordCertificate(authority, tx, intended, 'intended', { lineHash: locked.lineHash });
    return linted;
  });
}

/** Why a line will never have a certificate. */
const final: ErrorKind[] = [
  ...(['signatureInvalid', 'approvalMissing', 'lineChanged', 'attestationInvalid'] as const),
  ...(['lintRefused', 'nameRefused', 'orderRefused'] as const),
];

/** What can never be a certificate ends its line; any other failure may pass. */
async function refusedFor(authority: Authority, { lineHash }: Line, error: unknown): Promise<unknown> {
  if (!(error instanceof KysoError) || !final.includes(error.kind)) return error;
  await authority.store.write(async (tx) => {
    const locked = await authority.rows.lines.lock(tx, { lineHash, status: 'attested' });
    if (locked) await refuseLine(authority, tx, locked, error.kind);
  });
  return error;
}

/** Signs an intent and records the result; returns the line as it then stands. */
async function complete(authority: Authority, line: Line, made?: LintedTbs): Promise<Line> {
  const { store, rows, pki } = authority;
  if (line.status !== 'intended' || line.certificate === null) return line;
  const keys = {
    line: { lineHash: line.lineHash, status: 'intended', certificate: line.certificate },
    certificate: { serialNumber: line.certificate, status: 'intended' },
  };
  const intended = await rows.certificates.find(store.read, keys.certificate);
  const issuer = intended && pki.byId(intended.authority);
  const own = made && intended && made.tbs.equals(intended.tbs) ? made : undefined;
  const linted = issuer && (own ?? (await lintAgain(authority, issuer, line, intended)));
  const certificate = linted && (await signLinted(linted, issuer.key.sign));
  await failpoint('certificate.signed');

  return store.write(async (tx) => {
    const locked = await rows.lines.lock(tx, keys.line);
    const row = locked && (await rows.certificates.lock(tx, keys.certificate));
    if (!row) return (await rows.lines.find(tx, { lineHash: line.lineHash })) ?? line;
    const lasts = certificate && issuer && (await stillFollows(authority, tx, locked));
    if (!certificate || !issuer || !lasts) {
      const discarded = await rows.certificates.replace(tx, row, { status: 'discarded' });
      await revokeDiscarded(authority, tx, discarded);
      const why = certificate ? 'followsRevoked' : 'notReproducible';
      await recordCertificate(authority, tx, row, 'failed', { why });
      // Where it follows one that was revoked, the next draft says so and ends the line.
      return rows.lines.replace(tx, locked, { status: 'attested', certificate: null });
    }
    await rows.certificates.replace(tx, row, { status: 'issued', certificate });
    const chain = [certificate, issuer.certificate, ...issuer.chain].map((der) => der.toString('base64'));
    const credentialID = line.credential;
    const certificateOrder = await appendOrder(authority, tx, { kind: 'certificate', credentialID, chain });
    await recordCertificate(authority, tx, row, 'done', { certificate: sha256(certificate).toString('hex') });
    return rows.lines.replace(tx, locked, { status: 'issued', certificateOrder });
  });
}

/**
 * Whether the certificate that a line follows is still good, and nobody has begun to hold or revoke it; that stays so until
 * the transaction ends.
 */
export async function stillFollows({ rows }: Authority, tx: CaTx, line: Line): Promise<boolean> {
  const fields: LineFields = JSON.parse(line.text);
  if (fields.procedure === 'issue') return true;
  const before = { serialNumber: fields.certificate };
  const held = await rows.certificates.hold(tx, before);
  return held?.revocation === 'none' && !(await rows.revocations.find(tx, { ...before, status: 'begun' }));
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
