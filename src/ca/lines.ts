import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { IssueLine, Line } from '../ipc/line.ts';
import { profiledSubject } from '../pki/certificate.ts';
import { encodeName } from '../pki/names.ts';
import type { CaTx, Credential, Line as LineRow } from '../store/ca/tables.ts';
import { type Authority, record } from './context.ts';
import { isExternal, subjectOf } from './line.ts';
import { assertOrderable } from './line-rules.ts';
import { appendOrder } from './orders.ts';

type Row = LineRow & { version: number; mac: Buffer };

/**
 * Begins to carry out an approved line, in the transaction of its last approval: a new credential with its person, or a
 * further certificate of one that is there; the order to make a key, where the procedure wants one. A line that can no
 * longer be carried out is refused by itself, and the others of its list go on.
 */
export async function orderLine(authority: Authority, tx: CaTx, row: Row, organisation: string): Promise<void> {
  const line: Line = JSON.parse(row.text);
  try {
    await assertOrderable(authority, tx, line, organisation);
  } catch (error) {
    if (!(error instanceof KysoError && (error.kind === 'orderRefused' || error.kind === 'nameRefused'))) throw error;
    await refuseLine(authority, tx, row, error.kind);
    return;
  }
  const credential = await (line.procedure === 'issue'
    ? enterCredential(authority, tx, row, line, organisation)
    : claimCredential(authority, tx, row));
  const { id, subscriber } = credential;
  if (line.procedure === 'issue' || line.procedure === 'rekey') {
    const keyVersion = await nextKeyVersion(authority, tx, id);
    const keyOrder = await appendOrder(authority, tx, {
      ...{ kind: 'makeKey', credentialID: id, subscriber },
      ...{ keyType: credential.keyType as IssueLine['keyType'], otp: credential.otp as IssueLine['otp'] },
      lineHash: Buffer.from(row.lineHash, 'hex').toString('base64'),
      ...(keyVersion > 1 && { keyVersion }),
      ...(isExternal(row) && { subject: (await requestedSubject(authority, tx, line)).toString('base64') }),
    });
    await authority.rows.lines.replace(tx, row, { status: 'ordered', keyVersion, keyOrder });
  } else {
    const { keyVersion } = credential;
    const key = await authority.rows.keys.find(tx, { credential: id, keyVersion });
    if (!key) throw new KysoError('integrity', `credential ${id} has no key ${keyVersion}`);
    await authority.rows.lines.replace(tx, row, { status: 'attested', keyVersion, spki: key.spki });
  }
  await record(authority, tx, {
    ...{ event: 'line.ordered', result: 'done', subscriber, credential: id },
    detail: { lineHash: row.lineHash, procedure: row.procedure, list: row.list },
  });
}

/** What the key's request asks for: the subject of the line. */
async function requestedSubject({ rows, profile }: Authority, tx: CaTx, line: Line): Promise<Buffer> {
  const before =
    line.procedure === 'issue' ? undefined : await rows.certificates.find(tx, { serialNumber: line.certificate });
  return encodeName(profiledSubject({ profile, subject: subjectOf(line, before && JSON.parse(before.subject)) }));
}

/** Ends a line that cannot be carried out; what it had begun for its credential ends with it. */
export async function refuseLine(authority: Authority, tx: CaTx, row: Row, refusal: string): Promise<void> {
  const { rows } = authority;
  await rows.lines.replace(tx, row, { status: 'refused', refusal });
  const credential = await rows.credentials.lock(tx, { id: row.credential });
  if (credential?.line === row.lineHash) {
    const status = credential.status === 'pending' ? 'refused' : credential.status;
    await rows.credentials.replace(tx, credential, { line: null, status });
  }
  await record(authority, tx, {
    ...{ event: 'line.refused', result: 'refused', credential: row.credential },
    ...(credential && { subscriber: credential.subscriber }),
    detail: { why: refusal, lineHash: row.lineHash, procedure: row.procedure },
  });
}

async function enterCredential(
  authority: Authority,
  tx: CaTx,
  { credential: id, lineHash }: Row,
  line: IssueLine,
  organisation: string,
): Promise<Credential> {
  const subscriber = await enterSubscriber(authority, tx, line);
  const { keyType, otp } = line;
  return authority.rows.credentials.insert(tx, {
    ...{ id, subscriber, keyType, otp, organisation, keyVersion: 1, certificate: null, line: lineHash },
    ...{ status: 'pending', createdAt: authority.clock.now() },
  });
}

/** A version that was ordered once is not ordered again, whatever became of it: signer may have a key of that version. */
async function nextKeyVersion({ rows }: Authority, tx: CaTx, credential: string): Promise<number> {
  const lines = await rows.lines.list(tx, { credential });
  return 1 + Math.max(...lines.map(({ keyVersion }) => keyVersion));
}

/** The subscriber of a line: the one that has its userID, or a new one whom signer is told to take in. */
async function enterSubscriber(authority: Authority, tx: CaTx, line: IssueLine): Promise<string> {
  const { userID, name, email, phone } = line;
  const known = await authority.rows.subscribers.find(tx, { userId: userID });
  if (known) return known.id;
  const id = newId();
  const createdAt = authority.clock.now();
  await authority.rows.subscribers.insert(tx, { id, userId: userID, name, email, phone, createdAt });
  await appendOrder(authority, tx, { kind: 'subscriber', subscriber: id, userID, name, email, phone });
  return id;
}

async function claimCredential({ rows }: Authority, tx: CaTx, { credential: id, lineHash }: Row): Promise<Credential> {
  const credential = await rows.credentials.lock(tx, { id });
  if (!credential) throw new KysoError('integrity', `credential ${id} is gone`);
  return rows.credentials.replace(tx, credential, { line: lineHash });
}
