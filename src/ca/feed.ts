import { setTimeout as delay } from 'node:timers/promises';
import { KysoError } from '../base/errors.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Peer } from '../ipc/contract.ts';
import type { FeedPayload } from '../ipc/feed.ts';
import type { SignerContract } from '../ipc/signer-contract.ts';
import { newestFeedNumber } from '../store/ca/feed-head.ts';
import type { Authority } from './context.ts';
import { recordKey } from './key.ts';
import { feedText, hashOfOrder, signedFeed, signedOrder } from './orders.ts';

export type FeedOptions = {
  authority: Authority;
  signer: Peer<SignerContract>;
  /** Called when the feed does not get on, once for each change of the reason; a signer that is away is no reason. */
  onError(error: unknown): void;
};

/** ca's status feed to signer (design §2, §5). */
export type Feed = {
  /** Tells that there are new orders; without it they are found within half a second. */
  wake(): void;
  /**
   * Resolves when signer has applied the order of this number and its answer is recorded.
   * @throws KysoError unavailable — the feed was closed before
   */
  delivered(number: number): Promise<void>;
  close(): Promise<void>;
};

/** The issue allows a second between two heartbeats; half of it leaves room for a slow one. */
const heartbeatInterval = 500;

/** How long an order waits that nobody announced, and how long a failed one is left alone. */
const orderInterval = 500;

/**
 * Starts the feed. Two loops that do not wait for each other: heartbeats, so that a slow order makes no signer stale;
 * and orders, one by one from the position that the signer reports, so that a reconnect, a restart of either side or a
 * lost answer needs no memory here.
 */
export function startFeed({ authority, signer, onError }: FeedOptions): Feed {
  const stop = new AbortController();
  const abandon = new Set<(reason: KysoError) => void>();
  const waiting = new Set<{ number: number; resolve: () => void }>();
  let bell = Promise.withResolvers<void>();
  let acknowledged = 0;
  let beat = 0;
  /** Whether signer's orders are ours. A heartbeat vouches for that, so there is none before it is known. */
  let inStep: boolean | undefined;

  /** `work`, or a rejection as soon as the feed is closed. */
  function orClosed<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      abandon.add(reject);
      if (stop.signal.aborted) reject(closedFeed());
      work.then(resolve, reject).finally(() => abandon.delete(reject));
    });
  }

  async function sendHeartbeat(): Promise<void> {
    if (!inStep) return;
    const at = authority.clock.now();
    // Grows over restarts, too, so that no earlier heartbeat can be played again.
    beat = Math.max(beat + 1, at);
    const number = await newestFeedNumber(authority.store.read);
    const head = await hashOfOrder(authority, authority.store.read, number);
    const text = feedText({ type: 'heartbeat', beat, number, head, at });
    const message = signedFeed(text, await authority.feedKey.sign(Buffer.from(text)));
    await orClosed(signer.call('feed.push', message));
  }

  async function sendOrders(): Promise<void> {
    const { read } = authority.store;
    const { number, head } = await orClosed(signer.call('feed.position', {}));
    let position = number;
    const known = number <= (await newestFeedNumber(read)) && head === (await hashOfOrder(authority, read, number));
    // Once out of step means out of step: later numbers would fit again, and the lost orders would still be lost.
    inStep = inStep !== false && known;
    if (!inStep) {
      throw new KysoError(
        'integrity',
        'signer has orders that this store does not know: it was set back, and revocations may be missing',
      );
    }
    for (const number of await unanswered(authority, position)) await sendOrder(number);
    acknowledge(position);
    while (position < (await newestFeedNumber(read))) {
      position += 1;
      await sendOrder(position);
      acknowledge(position);
    }
  }

  async function sendOrder(number: number): Promise<void> {
    const message = await signedOrder(authority, number);
    await failpoint('order.signed');
    const answer = await orClosed(signer.call('feed.push', message));
    await failpoint('order.answered');
    if (answer.number < number) throw new KysoError('integrity', `signer did not apply order ${number}`);
    // Our own text, from a row that carries our MAC.
    const payload: FeedPayload = JSON.parse(message.payload);
    if (payload.type === 'order' && payload.order.kind === 'makeKey') {
      const lineHash = Buffer.from(payload.order.lineHash, 'base64').toString('hex');
      await recordKey(authority, lineHash, answer.attestation, answer.request);
    }
  }

  function acknowledge(position: number): void {
    acknowledged = position;
    for (const waiter of waiting) {
      if (waiter.number > position) continue;
      waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** Runs `step` again and again; a failure that stays the same is reported once. */
  async function repeat(step: () => Promise<void>, pause: () => Promise<unknown>): Promise<void> {
    let trouble = '';
    while (!stop.signal.aborted) {
      try {
        if (signer.connected()) await step();
        trouble = '';
      } catch (error) {
        const away = error instanceof KysoError && error.kind === 'unavailable';
        if (!away && trouble !== String(error)) onError(error);
        trouble = String(error);
      }
      await pause();
    }
  }

  const pause = (ms: number) => delay(ms, undefined, { signal: stop.signal }).catch(() => {});
  const heartbeats = repeat(sendHeartbeat, () => pause(heartbeatInterval));
  const orders = repeat(sendOrders, async () => {
    await Promise.race([bell.promise, pause(orderInterval)]);
    bell = Promise.withResolvers();
  });

  return {
    wake: () => bell.resolve(),
    delivered: (number) =>
      number <= acknowledged
        ? Promise.resolve()
        : orClosed(new Promise<void>((resolve) => waiting.add({ number, resolve }))),
    async close() {
      stop.abort();
      for (const reject of abandon) reject(closedFeed());
      await Promise.all([heartbeats, orders]);
    },
  };
}

function closedFeed(): KysoError {
  return new KysoError('unavailable', 'the status feed was closed');
}

/** Orders to make a key that signer has applied, but whose answer a crash of ca lost: signer answers them again. */
async function unanswered({ rows, store }: Authority, position: number): Promise<number[]> {
  const ordered = await rows.lines.list(store.read, { status: 'ordered' });
  return ordered.flatMap(({ keyOrder }) => (keyOrder !== null && keyOrder <= position ? [keyOrder] : []));
}
