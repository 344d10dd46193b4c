import { KysoError } from '../base/errors.ts';
import type { IssueLine, Line } from '../ipc/line.ts';
import type { CaTx, IssuedCertificate } from '../store/ca/tables.ts';
import type { Authority } from './context.ts';
import { subjectOf } from './line.ts';
import { procedures } from './procedures.ts';

const day = 86_400_000;

const refuse = (why: string) => new KysoError('orderRefused', why);

/**
 * Whether a line of this organisation can be carried out as things are: asked when its list comes, so that the whole of
 * a list with such a line is refused, and again when the line is ordered. The credential's row stays locked.
 * @throws KysoError orderRefused, nameRefused — the message says why
 */
export async function assertOrderable(authority: Authority, tx: CaTx, line: Line, organisation: string): Promise<void> {
  if (line.procedure === 'issue') {
    subjectOf(line);
    return assertSamePerson(authority, tx, line);
  }
  const { rows, clock } = authority;
  const credential = await rows.credentials.lock(tx, { id: line.credentialID });
  if (!credential || credential.organisation !== organisation)
    throw refuse('this organisation has no credential of that name');
  if (credential.status !== 'active') throw refuse(`the credential is ${credential.status}`);
  if (credential.line !== null) throw refuse('another line is being carried out for this credential');
  if (credential.certificate !== line.certificate) throw refuse('the credential has another certificate by now');
  const certificate = await rows.certificates.find(tx, { serialNumber: line.certificate });
  if (!certificate) throw new KysoError('integrity', `certificate ${line.certificate} is gone`);
  if (certificate.revocation !== 'none') throw refuse('the certificate is revoked or on hold');
  if (certificate.notAfter <= clock.now()) throw refuse('the certificate has expired');
  subjectOf(line, JSON.parse(certificate.subject));
  await assertRules(authority, tx, line, credential.keyVersion, certificate);
}

/** A person who is known keeps the contacts by which signer reaches them, whatever a later line says. */
async function assertSamePerson({ rows }: Authority, tx: CaTx, line: IssueLine): Promise<void> {
  const known = await rows.subscribers.find(tx, { userId: line.userID });
  const same = !known || (known.name === line.name && known.email === line.email && known.phone === line.phone);
  if (!same) throw refuse('this user is known with another name, e-mail or phone');
}

/** What the procedure's own rules say (`procedures.ts`). */
async function assertRules(
  { rows, clock }: Authority,
  tx: CaTx,
  { procedure }: Line,
  keyVersion: number,
  certificate: IssuedCertificate,
): Promise<void> {
  const { daysLeft = 0, times = Number.POSITIVE_INFINITY } = procedures[procedure];
  if (certificate.notAfter - clock.now() < daysLeft * day)
    throw refuse(`the certificate has less than ${daysLeft} days of validity left`);
  const done = await rows.lines.list(tx, { credential: certificate.credential, procedure, status: 'active' });
  if (done.filter((line) => line.keyVersion === keyVersion).length >= times)
    throw refuse('this key was renewed already; a new key is needed');
}
