import canonicalize from 'canonicalize';
import { KysoError } from '../base/errors.ts';
import { type FeedPayload, type Order, orderHash, type SignedFeed } from '../ipc/feed.ts';
import { nextFeedNumber } from '../store/ca/feed-head.ts';
import type { CaTx } from '../store/ca/tables.ts';
import type { Authority } from './context.ts';

/**
 * Puts an order into the feed in the transaction of the decision behind it, and returns its number. It is signed when
 * it is sent: nothing but queries may be awaited inside a transaction.
 */
export async function appendOrder(authority: Authority, tx: CaTx, order: Order): Promise<number> {
  const number = await nextFeedNumber(tx);
  // Written before: who has the head row's lock sees all orders up to its number.
  const previous = await hashOfOrder(authority, tx, number - 1);
  const payload = feedText({ type: 'order', number, previous, at: authority.clock.now(), order });
  await authority.rows.feedOrders.insert(tx, { number, payload, signature: null });
  return number;
}

/**
 * The order of this number under the feed key. Its signature is made once and kept: what a signer relied on can be
 * shown later, byte for byte.
 * @throws KysoError integrity — there is no such order, so the feed has a gap, or the row is not ca's
 */
export async function signedOrder(authority: Authority, number: number): Promise<SignedFeed> {
  const { store, rows, feedKey } = authority;
  const known = await rows.feedOrders.find(store.read, { number });
  if (!known) throw noOrder(number);
  if (known.signature) return signedFeed(known.payload, known.signature);
  const signature = await feedKey.sign(Buffer.from(known.payload));
  return store.write(async (tx) => {
    const order = await rows.feedOrders.lock(tx, { number });
    if (!order) throw noOrder(number);
    const kept = await rows.feedOrders.replace(tx, order, { signature: order.signature ?? signature });
    return signedFeed(kept.payload, kept.signature ?? signature);
  });
}

/**
 * The hash that names the order of this number; empty for number 0.
 * @throws KysoError integrity — there is no such order, so the feed has a gap, or the row is not ca's
 */
export async function hashOfOrder({ rows }: Authority, tx: CaTx, number: number): Promise<string> {
  if (number === 0) return '';
  const order = await rows.feedOrders.find(tx, { number });
  if (!order) throw noOrder(number);
  return orderHash(order.payload);
}

function noOrder(number: number): KysoError {
  return new KysoError('integrity', `the status feed has no order ${number}`);
}

/** RFC 8785 JSON of what the feed says. */
export function feedText(payload: FeedPayload): string {
  return canonicalize(payload) as string;
}

export function signedFeed(payload: string, signature: Buffer): SignedFeed {
  return { payload, signature: signature.toString('base64') };
}
