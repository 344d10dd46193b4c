import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import { Compile } from 'typebox/compile';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { limit } from '../base/limit.ts';
import { type Attestation, FeedPayload, type Order, type SignedFeed } from '../ipc/feed.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { attestationOf, prepareKey } from './keys.ts';
import { readSetting } from './settings.ts';
import { prepareSubscriber } from './subscribers.ts';

const payloadSchema = Compile(FeedPayload);

/** What an order changes, to be committed together with the feed's new position, and what ca gets for it. */
type Prepared = { commit: (tx: SignerTx) => Promise<void>; attestation?: Attestation };

/**
 * Takes one message of ca's feed. Orders are applied once, in the order of their numbers, each in one commit with its
 * number; one that comes again gets the same answer. Answers with the position of the feed.
 * @throws KysoError integrity — not signed by the enrolled ca; requestInvalid — an order that skips a number
 */
export function feedReceiver(signer: Signer, caKey: KeyObject) {
  const oneAtATime = limit(1);
  return async (message: SignedFeed): Promise<{ number: number; attestation?: Attestation }> => {
    const payload = readPayload(message, caKey);
    if (payload.type === 'order') return oneAtATime(() => receiveOrder(signer, payload.number, payload.order));
    if (payload.number > signer.feed.position()) await refreshPosition(signer);
    signer.feed.heard(payload.beat, payload.number, payload.at);
    return { number: signer.feed.position() };
  };
}

/** Several signers may share one store: another one may have applied what this one did not see. */
async function refreshPosition(signer: Signer): Promise<number> {
  signer.feed.applied(Number((await readSetting(signer.rows, signer.store.read, 'feedPosition')) ?? 0));
  return signer.feed.position();
}

function readPayload(message: SignedFeed, caKey: KeyObject): FeedPayload {
  const bytes = Buffer.from(message.payload);
  const genuine = verify('sha256', bytes, caKey, Buffer.from(message.signature, 'base64'));
  if (!genuine) throw new KysoError('integrity', "a feed message without ca's signature");
  const payload: unknown = JSON.parse(message.payload);
  if (!payloadSchema.Check(payload)) throw new KysoError('requestInvalid', 'a feed message of unknown form');
  return payload;
}

async function receiveOrder(signer: Signer, number: number, order: Order) {
  const position = await refreshPosition(signer);
  if (number > position + 1) throw new KysoError('requestInvalid', `order ${number} came after ${position}`);
  if (number === position + 1) {
    const prepared = await prepare(signer, order);
    await failpoint('order.prepared');
    const first = await signer.store.write(async (tx) => {
      if (!(await takePlace(signer, tx, number))) return false;
      await prepared.commit(tx);
      return true;
    });
    await failpoint('order.applied');
    if (first) {
      signer.feed.applied(number);
      return { number, ...(prepared.attestation && { attestation: prepared.attestation }) };
    }
  }
  const attestation = order.kind === 'makeKey' ? await attestationOf(signer, order.credentialID) : undefined;
  return { number: await refreshPosition(signer), ...(attestation && { attestation }) };
}

/** Moves the feed to `number`, and holds its place until the commit. False when another signer was faster. */
async function takePlace({ rows }: Signer, tx: SignerTx, number: number): Promise<boolean> {
  const position = await rows.settings.lock(tx, { name: 'feedPosition' });
  if (!position || Number(position.value) !== number - 1) return false;
  await rows.settings.replace(tx, position, { value: String(number) });
  return true;
}

async function prepare(signer: Signer, order: Order): Promise<Prepared> {
  switch (order.kind) {
    case 'subscriber':
      return { commit: await prepareSubscriber(signer, order) };
    case 'makeKey':
      return prepareKey(signer, order);
    case 'certificate':
      return { commit: (tx) => installCertificate(signer, tx, order) };
    case 'block':
      return { commit: (tx) => block(signer, tx, order) };
  }
}

/** Gives a credential its certificate, which must be for this credential's key (S11). */
async function installCertificate(
  signer: Signer,
  tx: SignerTx,
  order: Extract<Order, { kind: 'certificate' }>,
): Promise<void> {
  const { credentialID, chain } = order;
  const key = await signer.rows.keys.find(tx, { credential: credentialID });
  const credential = await signer.rows.credentials.lock(tx, { id: credentialID });
  if (!key || !credential) throw new KysoError('orderRefused', 'a certificate for an unknown credential');
  const certificate = new X509Certificate(Buffer.from(chain[0]!, 'base64'));
  if (!certificate.publicKey.export({ type: 'spki', format: 'der' }).equals(key.spki)) {
    throw new KysoError('orderRefused', 'a certificate for another key');
  }
  const notBefore = certificate.validFromDate.getTime();
  const notAfter = certificate.validToDate.getTime();
  await signer.rows.credentials.replace(tx, credential, { chain: JSON.stringify(chain), notBefore, notAfter });
  const detail = { serial: certificate.serialNumber };
  await record(signer, tx, {
    event: 'certificate.installed',
    actor: 'ca',
    result: 'done',
    subscriber: credential.subscriber,
    credential: credentialID,
    detail,
  });
}

async function block(signer: Signer, tx: SignerTx, order: Extract<Order, { kind: 'block' }>): Promise<void> {
  const { credentialID, blocked, reason } = order;
  const credential = await signer.rows.credentials.lock(tx, { id: credentialID });
  if (!credential) throw new KysoError('orderRefused', 'block of an unknown credential');
  await signer.rows.credentials.replace(tx, credential, { blocked });
  const event = blocked ? 'credential.blocked' : 'credential.unblocked';
  await record(signer, tx, {
    event,
    actor: 'ca',
    result: 'done',
    subscriber: credential.subscriber,
    credential: credentialID,
    detail: { reason },
  });
}
