import { X509Certificate } from 'node:crypto';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { signerKey } from '../pki/cms.ts';
import { readCertificate } from '../pki/read.ts';
import { weaknessOf } from '../pki/weak-key.ts';
import type { Organisation } from '../store/ca/tables.ts';
import { isConflict } from '../store/failure.ts';
import { type Authority, record } from './context.ts';
import type { CheckedOfficer } from './officer-factors.ts';
import { twoOfficers } from './officers.ts';

/** The organisation that a sandbox plays itself; no other has a code with a dot in front. */
export const sandboxCode = '.sandbox';

/** @throws KysoError orderRefused — there is one of this code; approvalMissing — see `twoOfficers` */
export async function addOrganisation(
  authority: Authority,
  { code, name }: { code: string; name: string },
  by: CheckedOfficer[],
): Promise<void> {
  const { store, rows, clock } = authority;
  const id = newId();
  try {
    await store.write(async (tx) => {
      const vouchers = await twoOfficers(authority, tx, by);
      await rows.organisations.insert(tx, { id, code, name, status: 'active', createdAt: clock.now() });
      const detail = { organisation: id, by: vouchers.join(' ') };
      await record(authority, tx, { event: 'organisation.added', result: 'done', detail });
    });
  } catch (error) {
    if (isConflict(error)) throw new KysoError('orderRefused', `there is an organisation ${code} already`);
    throw error;
  }
}

/** @throws KysoError orderRefused — none of this code that is active */
export async function organisationOf({ rows, store }: Authority, code: string): Promise<Organisation> {
  const organisation = await rows.organisations.find(store.read, { code, status: 'active' });
  if (!organisation) throw new KysoError('orderRefused', `there is no active organisation ${code}`);
  return organisation;
}

/**
 * Enrols a certificate (DER) with which an organisation signs its lists, and returns its fingerprint (SHA-256, hex). It is
 * believed because two officers say whose it is, whoever issued it. The same certificate again changes nothing.
 * @throws KysoError orderRefused — no such organisation, another one's certificate, one that was retired, or one that
 *   cannot sign: weak, expired, or not for signatures
 * @throws KysoError approvalMissing; document — not a certificate
 */
export async function enrolCertificate(
  authority: Authority,
  { code, certificate }: { code: string; certificate: Buffer },
  by: CheckedOfficer[],
): Promise<string> {
  const { store, rows, clock } = authority;
  const organisation = await organisationOf(authority, code);
  assertCanSign(certificate, clock.now());
  const fingerprint = sha256(certificate).toString('hex');
  await store.write(async (tx) => {
    const vouchers = await twoOfficers(authority, tx, by);
    const [id, enrolledBy] = [organisation.id, vouchers.join(' ')];
    const known = await rows.organisationCertificates.find(tx, { fingerprint });
    if (known && (known.organisation !== id || known.status !== 'enrolled'))
      throw new KysoError('orderRefused', 'this certificate is another organisation’s, or was retired');
    if (known) return;
    const createdAt = clock.now();
    const row = { fingerprint, organisation: id, certificate, enrolledBy, status: 'enrolled', createdAt };
    await rows.organisationCertificates.insert(tx, row);
    const detail = { organisation: id, certificate: fingerprint, by: enrolledBy };
    await record(authority, tx, { event: 'organisation.enrolled', result: 'done', detail });
  });
  return fingerprint;
}

function assertCanSign(certificate: Buffer, now: number): void {
  const refuse = (why: string) => new KysoError('orderRefused', `the certificate ${why}`);
  const { spki, validFrom, validTo } = readCertificate(certificate);
  signerKey(certificate);
  const weakness = weaknessOf(spki);
  if (weakness) throw refuse(`has a weak key: ${weakness}`);
  if (validFrom.getTime() > now || validTo.getTime() < now) throw refuse('is not valid now');
  if (new X509Certificate(certificate).ca) throw refuse('is that of an authority, and not of who signs documents');
}

/**
 * Ends an organisation with all its certificates, or one of them, at once: what it signed and is not ordered yet goes no
 * further. No two persons are needed to stop something.
 * @throws KysoError orderRefused — there is nothing of that name
 */
export async function retire(
  authority: Authority,
  { code, fingerprint }: { code: string; fingerprint?: string },
): Promise<void> {
  const { store, rows } = authority;
  await store.write(async (tx) => {
    const organisation = await rows.organisations.lock(tx, { code });
    if (!organisation) throw new KysoError('orderRefused', `there is no organisation ${code}`);
    const own = await rows.organisationCertificates.list(tx, { organisation: organisation.id, status: 'enrolled' });
    const ended = own.filter((one) => fingerprint === undefined || one.fingerprint === fingerprint);
    if (fingerprint !== undefined && ended.length === 0)
      throw new KysoError('orderRefused', `${code} has no enrolled certificate ${fingerprint}`);
    for (const { fingerprint } of ended) {
      const row = await rows.organisationCertificates.lock(tx, { fingerprint });
      if (row) await rows.organisationCertificates.replace(tx, row, { status: 'retired' });
    }
    if (fingerprint === undefined) await rows.organisations.replace(tx, organisation, { status: 'retired' });
    await record(authority, tx, {
      ...{ event: 'organisation.retired', result: 'done' },
      detail: { organisation: organisation.id, certificates: ended.map((one) => one.fingerprint).join(' ') },
    });
  });
}
