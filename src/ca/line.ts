import canonicalize from 'canonicalize';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { SandboxLine } from '../ipc/ca-contract.ts';
import { profiledSubject } from '../pki/certificate.ts';
import { encodeName, type Subject } from '../pki/names.ts';
import { profiles } from '../pki/profiles.ts';
import type { CaTx, Credential } from '../store/ca/tables.ts';
import { isConflict } from '../store/failure.ts';
import { type Authority, record } from './context.ts';
import { appendOrder } from './orders.ts';

/** RFC 8785 JSON of a line. Its SHA-256 is the line hash, over which key and certificate are attested and ordered. */
export function lineText(line: SandboxLine): string {
  return canonicalize(line) as string;
}

/** The subject that a line's certificate will carry. */
export function lineSubject(line: SandboxLine): Subject {
  return { ...line.subject, country: 'VN', email: line.email };
}

/**
 * Takes a sandbox line in: subscriber, credential and the orders to signer, in one transaction. The same line again
 * gives the same credential.
 * @throws KysoError orderRefused — outside the sandbox, or the line contradicts what is known of its person
 * @throws KysoError nameRefused — the subject cannot stand in a certificate
 */
export async function acceptLine(authority: Authority, line: SandboxLine): Promise<Credential> {
  assertSandbox(authority);
  encodeName(profiledSubject({ profile: profiles.individual, subject: lineSubject(line) }));
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      return await authority.store.write((tx) => enter(authority, tx, line));
    } catch (error) {
      // Others entered its person or the line itself at the same time, one after the other: now each can be found.
      if (!isConflict(error) || conflicts === 2) throw error;
    }
  }
}

/**
 * Outside the sandbox nothing can be issued yet: that takes a line with the organisation's signature and two officers'
 * approvals (design §5), not a line that somebody on this machine typed.
 * @throws KysoError orderRefused
 */
export function assertSandbox({ mode }: Authority): void {
  if (mode === 'sandbox') return;
  throw new KysoError('orderRefused', 'only a sandbox issues over a sandbox line: approved dossiers are not there yet');
}

async function enter(authority: Authority, tx: CaTx, line: SandboxLine): Promise<Credential> {
  const { rows, clock } = authority;
  const text = lineText(line);
  const hash = sha256(text);
  const lineHash = hash.toString('hex');
  const known = await rows.credentials.find(tx, { lineHash });
  if (known) return known;

  const id = newId();
  const subscriber = await enterSubscriber(authority, tx, line);
  const keyOrder = await appendOrder(authority, tx, {
    kind: 'makeKey',
    credentialID: id,
    subscriber,
    keyType: line.keyType,
    otp: line.otp,
    lineHash: hash.toString('base64'),
  });
  await record(authority, tx, {
    event: 'line.accepted',
    result: 'done',
    subscriber,
    credential: id,
    detail: { line: 'sandbox', lineHash, keyType: line.keyType },
  });
  return rows.credentials.insert(tx, {
    id,
    subscriber,
    keyType: line.keyType,
    line: text,
    lineHash,
    status: 'ordered',
    keyOrder,
    spki: null,
    spkiHash: null,
    attestation: null,
    certificate: null,
    certificateOrder: null,
    createdAt: clock.now(),
  });
}

/** The subscriber of a line: the one that has its userID, or a new one whom signer is told to take in. */
async function enterSubscriber(authority: Authority, tx: CaTx, line: SandboxLine): Promise<string> {
  const { userID, name, email, phone } = line;
  const known = await authority.rows.subscribers.find(tx, { userId: userID });
  if (known) {
    const same = known.name === name && known.email === email && known.phone === phone;
    if (!same) throw new KysoError('orderRefused', 'this user is known with another name, e-mail or phone');
    return known.id;
  }
  const id = newId();
  const createdAt = authority.clock.now();
  await authority.rows.subscribers.insert(tx, { id, userId: userID, name, email, phone, createdAt });
  await appendOrder(authority, tx, { kind: 'subscriber', subscriber: id, userID, name, email, phone });
  return id;
}
