import { type KeyObject, verify } from 'node:crypto';
import { Compile } from 'typebox/compile';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import { limit } from '../base/limit.ts';
import { FeedPayload, type Order, orderHash, type SignedFeed } from '../ipc/feed.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import { block, installCertificate, setStatus } from './certificates.ts';
import type { Signer } from './context.ts';
import { type FeedPlace, formatPlace, parsePlace } from './feed-state.ts';
import { type KeyAnswer, keyAnswerOf, prepareKey } from './keys.ts';
import { readSetting } from './settings.ts';
import { prepareSubscriber } from './subscribers.ts';

const payloadSchema = Compile(FeedPayload);

type OrderPayload = Extract<FeedPayload, { type: 'order' }>;

/** What an order changes, to be committed together with the feed's new position, and what ca gets for it. */
type Prepared = { commit: (tx: SignerTx) => Promise<void>; answer?: KeyAnswer };

/**
 * Takes one message of ca's feed. Orders are applied once, in the order of their numbers, each in one commit with its
 * number; one that comes again gets the same answer. Answers with the position of the feed.
 * @throws KysoError integrity — not signed by the enrolled ca; requestInvalid — an order that skips a number
 */
export function feedReceiver(signer: Signer, caKey: KeyObject) {
  const oneAtATime = limit(1);
  return async (message: SignedFeed): Promise<{ number: number } & Partial<KeyAnswer>> => {
    const payload = readPayload(message, caKey);
    if (payload.type === 'order') {
      return oneAtATime(() => receiveOrder(signer, payload, orderHash(message.payload)));
    }
    if (payload.number > signer.feed.place().number) await refreshPlace(signer);
    const { number, head } = signer.feed.place();
    if (payload.number === number && payload.head !== head) throw otherHistory(number);
    signer.feed.heard(payload, message);
    return { number };
  };
}

/** Several signers may share one store: another one may have applied what this one did not see. */
async function refreshPlace(signer: Signer): Promise<FeedPlace> {
  signer.feed.applied(parsePlace(await readSetting(signer.rows, signer.store.read, 'feedPlace')));
  return signer.feed.place();
}

/** Signer has seen orders that this ca does not know: revocations might be among them, so nothing is signed (S69). */
function otherHistory(number: number): KysoError {
  return new KysoError('integrity', `ca has another order ${number} than the one applied here: it was set back`);
}

function readPayload(message: SignedFeed, caKey: KeyObject): FeedPayload {
  const bytes = Buffer.from(message.payload);
  const genuine = verify('sha256', bytes, caKey, Buffer.from(message.signature, 'base64'));
  if (!genuine) throw new KysoError('integrity', "a feed message without ca's signature");
  const payload: unknown = JSON.parse(message.payload);
  if (!payloadSchema.Check(payload)) throw new KysoError('requestInvalid', 'a feed message of unknown form');
  return payload;
}

async function receiveOrder(signer: Signer, { number, previous, at, order }: OrderPayload, head: string) {
  const place = await refreshPlace(signer);
  if (number > place.number + 1) throw new KysoError('requestInvalid', `order ${number} came after ${place.number}`);
  if (number === place.number && head !== place.head) throw otherHistory(number);
  if (number === place.number + 1) {
    if (previous !== place.head) throw otherHistory(place.number);
    const prepared = await prepare(signer, order, at);
    await failpoint('order.prepared');
    const first = await signer.store.write(async (tx) => {
      if (!(await takePlace(signer, tx, { number, head }))) return false;
      await prepared.commit(tx);
      return true;
    });
    await failpoint('order.applied');
    if (first) {
      signer.feed.applied({ number, head });
      return { number, ...prepared.answer };
    }
  }
  const answer = order.kind === 'makeKey' ? await keyAnswerOf(signer, order) : undefined;
  return { number: (await refreshPlace(signer)).number, ...answer };
}

/** Moves the feed to `place`, and holds its place until the commit. False when another signer was faster. */
async function takePlace({ rows }: Signer, tx: SignerTx, place: FeedPlace): Promise<boolean> {
  const before = await rows.settings.lock(tx, { name: 'feedPlace' });
  if (!before || parsePlace(before.value).number !== place.number - 1) return false;
  await rows.settings.replace(tx, before, { value: formatPlace(place) });
  return true;
}

async function prepare(signer: Signer, order: Order, at: number): Promise<Prepared> {
  switch (order.kind) {
    case 'subscriber':
      return { commit: await prepareSubscriber(signer, order) };
    case 'makeKey':
      return prepareKey(signer, order);
    case 'certificate':
      return { commit: (tx) => installCertificate(signer, tx, order, at) };
    case 'status':
      return { commit: (tx) => setStatus(signer, tx, order) };
    case 'block':
      return { commit: (tx) => block(signer, tx, order) };
  }
}
