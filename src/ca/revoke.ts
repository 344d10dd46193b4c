import { allOf } from '../base/all-of.ts';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { newId } from '../base/ids.ts';
import type { Order } from '../ipc/feed.ts';
import type { CaTx, Revocation as Command, IssuedCertificate } from '../store/ca/tables.ts';
import { authorityCertificate } from './authority-certificate.ts';
import { type Authority, record } from './context.ts';
import { keepEntry } from './crl-entries.ts';
import { appendOrder } from './orders.ts';
import type { ReasonName } from './revocation-reasons.ts';
import { type Act, judge, type Level, type Revocation, transitions, type Verdict } from './revocation-rules.ts';

/** Which certificate: by its serial number (upper-case hex), or the one that a credential has now. */
export type Target = { serialNumber: string } | { credential: string };
/** `name`: an id of whoever asks, never a person's name; it is kept with the command. */
export type Asked = Target & { by: { level: Level; name: string } };
/** How a certificate stands. */
export type Standing = Pick<
  IssuedCertificate,
  'serialNumber' | 'credential' | 'revocation' | 'reason' | 'revokedBy' | 'revokedAt'
>;

/**
 * Puts a certificate on hold: signing stops, CRL and OCSP say `certificateHold`. As `revoke` in everything else; on a
 * certificate that is already held it changes nothing, except that a higher level's hold takes the place of a lower one's.
 */
export const hold = (authority: Authority, asked: Asked & { reason: ReasonName }): Promise<Standing> =>
  obey(authority, 'hold', asked);

/**
 * Lifts a hold, and nothing else (S78): the certificate is good again, then signing goes on.
 * @throws KysoError orderRefused — it is revoked, or somebody higher set the hold
 */
export const release = (authority: Authority, asked: Asked): Promise<Standing> =>
  obey(authority, 'release', { ...asked, reason: 'released' });

/**
 * Revokes a certificate for ever. Two durable commands, each a commit of its own with its log leaf and its order to
 * signer: the key is blocked, then the certificate is revoked and enters its CRL. Neither waits for signer. A kill between
 * them leaves a command that `resumeRevocations` ends. Asked again, or by many at once, it is done once; the first reason
 * stays. The date of a certificate that was on hold is that of the hold (X.509 §8.5.2.2).
 * @throws KysoError credentialUnknown — there is no such certificate
 * @throws KysoError orderRefused — it is just being issued
 */
export const revoke = (authority: Authority, asked: Asked & { reason: ReasonName }): Promise<Standing> =>
  obey(authority, 'revoke', asked);

/**
 * The first half of a revocation in the transaction that gives an intended certificate up: its signature may exist, and
 * must never be relied on (S74). `resumeRevocations` ends it.
 */
export async function revokeDiscarded(authority: Authority, tx: CaTx, certificate: IssuedCertificate): Promise<void> {
  const { rows, clock } = authority;
  const { serialNumber, credential } = certificate;
  const command = await rows.revocations.insert(tx, {
    ...{ id: newId(), serialNumber, credential, act: 'revoke', reason: 'notIssued' satisfies ReasonName },
    ...{ level: 'operator', requestedBy: 'ca', status: 'begun', at: clock.now() },
  });
  // Its credential never had it: nothing is blocked.
  await recordHalf(authority, tx, { certificate, current: false, command, result: 'intended' }, undefined);
}

/**
 * Ends what a former life of this process, or one that had no store for a while, began. Resolves when nothing is left.
 * @throws the first failure, when all were tried
 */
export async function resumeRevocations(authority: Authority): Promise<void> {
  const { rows, store } = authority;
  const begun = await rows.revocations.list(store.read, { status: 'begun' });
  // One that cannot be ended must not keep the others waiting.
  await allOf(begun.map((command) => finish(authority, command)));
}

/** One command at a time for each certificate: what another one began is ended first, whoever began it. */
async function obey(authority: Authority, act: Act, asked: Asked & { reason: string }): Promise<Standing> {
  for (;;) {
    const begun = await authority.store.write((tx) => begin(authority, tx, act, asked));
    const { command, own, verdict, standing } = begun;
    if (command) {
      await failpoint('revocation.begun');
      const ended = await finish(authority, command);
      await failpoint('revocation.done');
      if (own) return ended;
    } else if (verdict === 'done') return standing;
    else throw refusal(act, verdict, standing);
  }
}

/** `command` is what is under way, `own` whether this call began it. */
type Begun = { command?: Command; own?: boolean; verdict: Verdict; standing: Standing };

/** The first half, if there is anything to do; otherwise how the certificate stands, and the leaf of a refusal. */
async function begin(
  authority: Authority,
  tx: CaTx,
  act: Act,
  { by, reason, ...target }: Asked & { reason: string },
): Promise<Begun> {
  const { rows, clock } = authority;
  const { certificate, current } = await lockCertificate(authority, tx, target);
  const { serialNumber, credential } = certificate;
  const open = await rows.revocations.find(tx, { serialNumber, status: 'begun' });
  if (open) return { command: open, verdict: 'go', standing: certificate };
  const verdict = certificate.status === 'intended' ? 'transition' : judge(act, by.level, certificate);
  if (verdict === 'go') {
    const command = await rows.revocations.insert(tx, {
      ...{ id: newId(), serialNumber, credential, act, reason, level: by.level, requestedBy: by.name },
      ...{ status: 'begun', at: clock.now() },
    });
    const half = act === 'release' ? mark : block;
    await half(authority, tx, { certificate, current, command, result: 'intended' });
    if (act === 'revoke') await revokeOthers(authority, tx, command, certificate, 'credential' in target);
    return { command, own: true, verdict, standing: certificate };
  }
  if (verdict !== 'done') {
    const detail = { serialNumber, why: verdict, level: by.level };
    await record(authority, tx, { event: `certificate.${act}`, result: 'refused', credential, detail });
  }
  return { verdict, standing: certificate };
}

/**
 * What goes with it: the other certificates of a key that is compromised, such as the one before a renewal; and where the
 * credential was named and not a certificate (`whole`), also the next one, which signer does not have yet. Each gets the
 * first half of a command of its own, which `resumeRevocations` ends.
 */
export async function revokeOthers(
  authority: Authority,
  tx: CaTx,
  cause: Pick<Command, 'act' | 'reason' | 'level' | 'requestedBy' | 'at'>,
  of: IssuedCertificate,
  whole: boolean,
): Promise<void> {
  const { rows } = authority;
  const compromised = cause.reason === 'keyCompromise';
  if (!compromised && !whole) return;
  const credential = whole ? await rows.credentials.find(tx, { id: of.credential }) : undefined;
  const line = credential?.line ? await rows.lines.find(tx, { lineHash: credential.line }) : undefined;
  for (const { serialNumber, spki } of await rows.certificates.list(tx, { credential: of.credential })) {
    const concerned = (compromised && spki.equals(of.spki)) || serialNumber === line?.certificate;
    if (serialNumber === of.serialNumber || !concerned) continue;
    const other = await rows.certificates.lock(tx, { serialNumber, status: 'issued' });
    if (!other || other.revocation === 'revoked') continue;
    if (await rows.revocations.find(tx, { serialNumber, act: 'revoke', status: 'begun' })) continue;
    const { act, reason, level, requestedBy, at } = cause;
    const begun = await rows.revocations.insert(tx, {
      ...{ id: newId(), serialNumber, credential: of.credential, act, reason, level, requestedBy, status: 'begun', at },
    });
    await recordHalf(
      authority,
      tx,
      { certificate: other, current: false, command: begun, result: 'intended' },
      undefined,
    );
  }
}

/** The second half of a command, once; how the certificate stands then. */
async function finish(authority: Authority, { id, act, serialNumber }: Command): Promise<Standing> {
  const { rows, store } = authority;
  return store.write(async (tx) => {
    const locked = await lockCertificate(authority, tx, { serialNumber });
    const command = await rows.revocations.lock(tx, { id, status: 'begun' });
    if (!command) return locked.certificate;
    const half = act === 'release' ? block : mark;
    const standing = await half(authority, tx, { ...locked, command, result: 'done' });
    // Again: what was an intent when the first half came may be a certificate by now.
    if (act === 'revoke') await revokeOthers(authority, tx, command, locked.certificate, false);
    await rows.revocations.replace(tx, command, { status: 'done' });
    return standing;
  });
}

type Half = { certificate: IssuedCertificate; current: boolean; command: Command; result: 'intended' | 'done' };

/** Signing off, or on again after a release. A credential whose certificate is another one by now is left alone. */
async function block(authority: Authority, tx: CaTx, half: Half): Promise<Standing> {
  const { act, credential, reason } = half.command;
  const order: Order = { kind: 'block', credentialID: credential, blocked: act !== 'release', reason };
  const wanted = act === 'release' ? await isPresentGood(authority, tx, half) : half.current;
  await recordHalf(authority, tx, half, wanted ? order : undefined);
  return half.certificate;
}

/** Another certificate may have taken the place of the one that was held, whose block is still there. */
async function isPresentGood({ rows }: Authority, tx: CaTx, { certificate, current }: Half): Promise<boolean> {
  if (current) return true;
  const credential = await rows.credentials.find(tx, { id: certificate.credential });
  const present =
    credential?.certificate && (await rows.certificates.find(tx, { serialNumber: credential.certificate }));
  return present ? present.revocation === 'none' : false;
}

/** The certificate's status, its entry in the CRL, and word to signer. */
async function mark(authority: Authority, tx: CaTx, half: Half): Promise<Standing> {
  const { rows } = authority;
  const { certificate, command } = half;
  const { act, reason, level, at, credential, serialNumber } = command;
  const revocation = transitions[act as Act][certificate.revocation as Revocation];
  if (revocation === undefined) {
    // It was revoked between the halves of a hold or release, which has nothing left to do.
    await recordHalf(authority, tx, half, undefined);
    return certificate;
  }
  const marked = await rows.certificates.replace(tx, certificate, {
    revocation,
    ...(revocation === 'none'
      ? { reason: null, revokedBy: null, revokedAt: null }
      : { reason, revokedBy: level, revokedAt: certificate.revokedAt ?? at }),
  });
  await keepEntry(authority, tx, marked);
  const status = revocation === 'none' ? 'good' : revocation;
  const order: Order = { kind: 'status', credentialID: credential, serialNumber, status, reason };
  await recordHalf(authority, tx, half, half.current ? order : undefined);
  return marked;
}

async function recordHalf(authority: Authority, tx: CaTx, half: Half, order: Order | undefined): Promise<void> {
  const { id, act, serialNumber, credential, reason, level } = half.command;
  const number = order && (await appendOrder(authority, tx, order));
  await record(authority, tx, {
    ...{ event: `certificate.${act}`, result: half.result, credential },
    detail: { serialNumber, reason, level, command: id, ...(order && number && { order: order.kind, number }) },
  });
}

/**
 * The certificate under its lock, and whether signer has it for its credential or has been sent it; that stays so until
 * the transaction ends.
 */
export async function lockCertificate({ rows }: Authority, tx: CaTx, target: Target) {
  const known =
    'serialNumber' in target
      ? ((await rows.certificates.find(tx, target)) ?? (await authorityCertificate({ rows }, tx, target.serialNumber)))
      : target;
  const credential = known && (await rows.credentials.hold(tx, { id: known.credential }));
  const serialNumber = 'serialNumber' in target ? target.serialNumber : credential?.certificate;
  const certificate = serialNumber ? await rows.certificates.lock(tx, { serialNumber }) : undefined;
  if (!certificate) throw new KysoError('credentialUnknown', 'there is no such certificate');
  if (credential?.certificate === certificate.serialNumber) return { certificate, current: true };
  // Read under the lock: whoever issues it holds that while the order goes into the feed.
  const line = credential?.line ? await rows.lines.find(tx, { lineHash: credential.line }) : undefined;
  const sent = line?.certificate === certificate.serialNumber && line.certificateOrder !== null;
  return { certificate, current: sent };
}

function refusal(act: Act, verdict: Verdict, { serialNumber, revocation, revokedBy }: Standing): KysoError {
  const why = { none: 'it is just being issued', hold: `it is held by the ${revokedBy}`, revoked: 'it is revoked' };
  const help = verdict === 'level' ? ': only the same level or a higher one lifts that' : '';
  return new KysoError(
    'orderRefused',
    `no ${act} of certificate ${serialNumber}: ${why[revocation as Revocation]}${help}`,
  );
}
