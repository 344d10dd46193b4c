import { X509Certificate } from 'node:crypto';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import type { Order } from '../ipc/feed.ts';
import type { Credential, Key, SignerTx } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { endKey, keptAfterExpiry } from './end-key.ts';
import { keepChainEvidence } from './evidence.ts';

type OrderOf<Kind extends Order['kind']> = Extract<Order, { kind: Kind }>;

const serialsOf = (key: Key): string[] => JSON.parse(key.serials);

/**
 * Gives a credential its certificate, which must be for one of its keys (S11): the first one, a renewed one for the same
 * key, under which SADs that were given go on, or the first one of a further key. That takes over, and those before it
 * end with their SADs. A certificate for a key that has ended, or that was lost in a restore, changes nothing, and the
 * log says so: both can happen to a ca that does nothing wrong.
 */
export async function installCertificate(
  signer: Signer,
  tx: SignerTx,
  { credentialID, chain }: OrderOf<'certificate'>,
  at: number,
): Promise<void> {
  const credential = await lockCredential(signer, tx, credentialID);
  const der = Buffer.from(chain[0]!, 'base64');
  const certificate = new X509Certificate(der);
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const keys = await signer.rows.keys.list(tx, { credential: credentialID });
  const key = keys.find((candidate) => candidate.spki.equals(spki));
  if (!key && at >= signer.epochStartedAt) throw new KysoError('orderRefused', 'a certificate for another key');
  const detail = { serial: certificate.serialNumber };
  if (!key) return recordOf(signer, tx, credential, 'certificate.keyLost', detail, 'refused');
  if (key.endedAt !== null) return recordOf(signer, tx, credential, 'certificate.keyEnded', detail, 'refused');

  const notAfter = certificate.validToDate.getTime();
  await signer.rows.credentials.replace(tx, credential, {
    ...{ key: key.id, keyType: key.keyType, chain: JSON.stringify(chain), certificateStatus: 'good' },
    ...{ serial: certificate.serialNumber, certificate: sha256(der).toString('hex') },
    ...{ notBefore: certificate.validFromDate.getTime(), notAfter },
  });
  await keepChainEvidence(
    tx,
    chain.map((base64) => Buffer.from(base64, 'base64')),
  );
  const locked = await lockKey(signer, tx, key.id);
  const serials = [...new Set([...serialsOf(locked), certificate.serialNumber])];
  await signer.rows.keys.replace(tx, locked, { serials: JSON.stringify(serials), endsAt: notAfter + keptAfterExpiry });
  await recordOf(signer, tx, credential, 'certificate.installed', { ...detail, keyVersion: key.keyVersion });
  for (const { id } of keys.filter(({ keyVersion }) => keyVersion < key.keyVersion))
    await endKey(signer, tx, await lockKey(signer, tx, id), 'replaced');
}

/**
 * What became of a certificate. It switches signing off, or on again after a hold, when it is the one that the
 * credential signs with; revoked, it takes the key with it, and so does an earlier one of the same key that was revoked
 * for keyCompromise. Nothing brings a revoked one back (S78).
 */
export async function setStatus(signer: Signer, tx: SignerTx, order: OrderOf<'status'>): Promise<void> {
  const { credentialID, serialNumber, status, reason, sourceAt } = order;
  const credential = await lockCredential(signer, tx, credentialID);
  const keys = await signer.rows.keys.list(tx, { credential: credentialID });
  const of = keys.find((key) => serialsOf(key).some((serial) => sameNumber(serial, serialNumber)));
  const current = of?.id === credential.key && sameNumber(credential.serial, serialNumber);
  const ending = of && status === 'revoked' && (current || reason === 'keyCompromise') ? of : undefined;
  const final = current && credential.certificateStatus === 'revoked' && status !== 'revoked';
  const counts = !final && (current || ending?.id === credential.key);
  if (counts) await signer.rows.credentials.replace(tx, credential, { certificateStatus: status });
  const detail = { serial: serialNumber, reason, current, ...(sourceAt !== undefined && { sourceAt }) };
  await recordOf(signer, tx, credential, `certificate.${status}`, detail, final ? 'refused' : 'done');
  if (ending) await endKey(signer, tx, await lockKey(signer, tx, ending.id), 'revoked');
}

/** Signing off or on by ca's decision. It says nothing of the certificate. */
export async function block(signer: Signer, tx: SignerTx, order: OrderOf<'block'>): Promise<void> {
  const credential = await lockCredential(signer, tx, order.credentialID);
  await signer.rows.credentials.replace(tx, credential, { blocked: order.blocked });
  const event = order.blocked ? 'credential.blocked' : 'credential.unblocked';
  await recordOf(signer, tx, credential, event, { reason: order.reason });
}

/** Locked before everything else of the credential: spends and new SADs come wholly before this order, or after it. */
async function lockCredential({ rows }: Signer, tx: SignerTx, id: string): Promise<Credential> {
  const credential = await rows.credentials.lock(tx, { id });
  if (!credential) throw new KysoError('orderRefused', 'an order for an unknown credential');
  return credential;
}

async function lockKey({ rows }: Signer, tx: SignerTx, id: string): Promise<Key> {
  const key = await rows.keys.lock(tx, { id });
  if (!key) throw new KysoError('integrity', 'a key is gone');
  return key;
}

/** Serial numbers in hex, with or without leading zeros, in either case. */
function sameNumber(a: string, b: string): boolean {
  const plain = (text: string) => text.toUpperCase().replace(/^0+/, '');
  return plain(a) === plain(b);
}

function recordOf(
  signer: Signer,
  tx: SignerTx,
  { id, subscriber }: Credential,
  event: string,
  detail: Record<string, string | number | boolean>,
  result: 'done' | 'refused' = 'done',
): Promise<void> {
  return record(signer, tx, { event, actor: 'ca', result, subscriber, credential: id, detail });
}
