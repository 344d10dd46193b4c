import { allOf } from '../../base/all-of.ts';
import { kindOf } from '../../base/errors.ts';
import { dueExternal } from '../../store/ca/external.ts';
import type { CaTx } from '../../store/ca/tables.ts';
import { type Authority, record } from '../context.ts';
import { external } from '../crl-entries.ts';
import { appendOrder } from '../orders.ts';
import { lockCertificate, revokeOthers } from '../revoke.ts';
import type { Fetch } from './fetch.ts';
import { listsOf } from './lists.ts';
import { askOutside, type Sources, type Word } from './word.ts';

/** How often an outside authority is asked about a certificate, and again after it was not to be had; milliseconds. */
export const interval = 300_000;
export const again = 60_000;
/** Certificates of one round, and how old the newest word may be before health says so. */
const most = 50;
const old = 4 * interval;

/**
 * Asks about every certificate whose time has come, and tells signer what changed, with the time at which its authority
 * said so. What is not to be had leaves everything as it is: the age of what is known stands in ca's status. A CRL that
 * several name is fetched and read once. @throws the first failure, when all were asked
 */
export async function pollOutside(authority: Authority, fetch: Fetch): Promise<void> {
  const { store, clock } = authority;
  const due = await dueExternal(store.read, clock.now(), most);
  const sources = { fetch, lists: listsOf(fetch, new Set(due)) };
  await allOf(due.map((serialNumber) => pollOne(authority, sources, serialNumber)));
}

async function pollOne(authority: Authority, sources: Sources, serialNumber: string): Promise<void> {
  const { rows, store, clock } = authority;
  const [known, row] = await Promise.all([
    rows.certificates.find(store.read, { serialNumber }),
    rows.externalCertificates.find(store.read, { serialNumber }),
  ]);
  if (!known?.certificate || !row) return;
  const issuer = Buffer.from(JSON.parse(row.chain)[1], 'base64');
  const over = known.revocation === 'revoked' || known.notAfter <= clock.now();
  let word: Word | undefined;
  let failure: unknown;
  if (!over) {
    try {
      word = await askOutside(sources, known.certificate, issuer, clock.now());
    } catch (error) {
      failure = error;
    }
  }
  await store.write(async (tx) => {
    const locked = await lockCertificate(authority, tx, { serialNumber });
    const state = await rows.externalCertificates.lock(tx, { serialNumber });
    if (!state) return;
    // Between the halves of a command of ours nothing else may come: the next round asks again.
    if (await rows.revocations.find(tx, { serialNumber, status: 'begun' })) {
      await rows.externalCertificates.replace(tx, state, { nextAt: clock.now() });
      return;
    }
    // An older word than the one that counts is somebody's who plays it again.
    const newer = word && word.sourceAt >= (state.sourceAt ?? 0) ? word : undefined;
    if (newer) await obey(authority, tx, locked, newer);
    const final = over || newer?.state === 'revoked';
    const nextAt = final ? null : clock.now() + (failure === undefined ? interval : again);
    const heard = newer && { sourceAt: newer.sourceAt };
    const failed = failure === undefined ? null : kindOf(failure);
    await rows.externalCertificates.replace(tx, state, { ...heard, askedAt: clock.now(), nextAt, failure: failed });
  });
  if (failure !== undefined) throw failure;
}

type Locked = Awaited<ReturnType<typeof lockCertificate>>;

/**
 * What its authority says counts, except that nothing brings a revoked one back, and a hold of our own stays ours. A key
 * that is compromised ends whichever of its certificates says so, and takes the others with it.
 */
async function obey(authority: Authority, tx: CaTx, { certificate, current }: Locked, word: Word): Promise<void> {
  const { rows, clock } = authority;
  const { serialNumber, credential: id, revocation, revokedBy } = certificate;
  const lifts = word.state === 'none' && revocation === 'hold' && revokedBy === external;
  const worsens = word.state === 'revoked' ? revocation !== 'revoked' : word.state === 'hold' && revocation === 'none';
  if (!lifts && !worsens) return;
  const { state, reason, revokedAt, sourceAt } = word;
  const facts = lifts ? { reason: null, revokedBy: null, revokedAt: null } : { reason, revokedBy: external, revokedAt };
  await rows.certificates.replace(tx, certificate, { revocation: state, ...facts });
  const status = state === 'none' ? 'good' : state;
  const compromised = state === 'revoked' && reason === 'keyCompromise';
  if (current || compromised)
    await appendOrder(authority, tx, { kind: 'status', credentialID: id, serialNumber, status, reason, sourceAt });
  if (compromised) {
    const cause = { act: 'revoke', reason, level: external, requestedBy: external, at: revokedAt ?? clock.now() };
    await revokeOthers(authority, tx, cause, certificate, false);
  }
  const detail = { serialNumber, status, reason, sourceAt, current };
  await record(authority, tx, { event: 'certificate.outside', result: 'done', credential: id, detail });
}

/** How old the oldest word about a certificate in use is, and how many were not to be had, or not for a while. */
export async function outsideHealth({ rows, store, clock }: Authority) {
  const watched = (await rows.externalCertificates.list(store.read, {})).filter(({ nextAt }) => nextAt !== null);
  const late = watched.filter(({ sourceAt, failure }) => failure !== null || clock.now() - (sourceAt ?? 0) > old);
  const times = watched.flatMap(({ sourceAt }) => sourceAt ?? []);
  return {
    ...{ certificates: watched.length, failing: late.length },
    ...(times.length > 0 && { oldestAt: Math.min(...times) }),
  };
}
