import { emailForm, phoneForm } from '../base/addresses.ts';
import type { Clock } from '../base/clock.ts';
import { KysoError } from '../base/errors.ts';
import { deriveKey, open, seal } from '../crypto/seal.ts';
import type { OutboundMessage } from '../ipc/notify-contract.ts';
import {
  claimMessage,
  dueMessages,
  type EndStatus,
  endMessage,
  expireMessages,
  insertMessages,
  postponeMessage,
  purgeMessages,
  type Waiting,
  waitingMessages,
} from '../store/notify/messages.ts';
import type { Message, NotifyStore } from '../store/notify/tables.ts';
import { render } from './templates.ts';

/** Milliseconds until the next try, after the 1st, 2nd, … one; the last value repeats until the message expires. */
const pauses = [1_000, 5_000, 30_000, 120_000, 600_000] as const;
/** Milliseconds for which a taken message is nobody else's. If its taker dies, it is delivered after that. */
export const lease = 60_000;
/** How long an ended message is remembered without its content, so that it is known when it comes again. */
const remembered = 30 * 24 * 3_600_000;

/** A message that was taken for one try. */
export type Claim = Message;

/**
 * Messages on their way. What they say lies sealed under a key that is not in the store, from the commit that takes
 * them in to the commit that ends them, which erases it (S87).
 */
export type Outbox = {
  /**
   * Durable when it resolves. A message whose id is known changes nothing, be it waiting or ended.
   * @throws KysoError requestInvalid — an address or a value that cannot be right; then none is taken
   */
  post(messages: OutboundMessage[]): Promise<void>;
  /** Ids of messages whose time has come, at most `most`. */
  due(channel: OutboundMessage['channel'], most: number): Promise<string[]>;
  /** Takes a message for one try; undefined when another deliverer has it. */
  claim(id: string): Promise<Claim | undefined>;
  /** What a taken message says. @throws KysoError integrity — it was sealed under another key, or changed */
  read(claim: Claim): OutboundMessage;
  end(claim: Claim, status: EndStatus, facts?: { receipt?: string | undefined; trouble?: string }): Promise<void>;
  /** Gives a message back for a later try, since this one failed. */
  postpone(claim: Claim, trouble: string): Promise<void>;
  /** Gives a message back untried. */
  release(claim: Claim): Promise<void>;
  /** Ends what nobody wants any more and forgets what ended long ago; returns the ids of the former. */
  expire(): Promise<string[]>;
  /** Makes sure that what was erased is in no file of the store any more. */
  wipe(): Promise<void>;
  waiting(): Promise<Waiting[]>;
};

/** @param secret what the sealing keys are derived from: the secret `outbox-key` */
export function createOutbox({
  store,
  secret,
  clock,
}: {
  store: NotifyStore;
  secret: Uint8Array;
  clock: Clock;
}): Outbox {
  const keyOf = (id: string) => deriveKey(secret, Buffer.from(id), 'kyso outbox');
  const facts = (id: string) => ({ use: 'outbox', id });

  return {
    async post(messages) {
      for (const message of messages) assertDeliverable(message);
      const createdAt = clock.now();
      const rows = messages.map((message) => {
        const { id, channel, expiresAt } = message;
        const sealed = seal(keyOf(id), Buffer.from(JSON.stringify(message)), facts(id));
        return { id, channel, sealed, createdAt, expiresAt };
      });
      await store.write((tx) => insertMessages(tx, rows));
    },
    due: (channel, most) => dueMessages(store.read, channel, clock.now(), most),
    claim(id) {
      const now = clock.now();
      return store.write((tx) => claimMessage(tx, id, now, now + lease));
    },
    read: ({ id, sealed }) => JSON.parse(open(keyOf(id), sealed ?? Buffer.alloc(0), facts(id)).toString()),
    end: ({ id }, status, { receipt = null, trouble = null } = {}) =>
      store.write((tx) => endMessage(tx, id, { status, endedAt: clock.now(), receipt, trouble })),
    postpone: (claim, trouble) =>
      store.write((tx) => postponeMessage(tx, claim, { nextAt: clock.now() + pauseAfter(claim), trouble })),
    release: (claim) =>
      store.write((tx) => postponeMessage(tx, claim, { nextAt: clock.now(), trouble: claim.trouble })),
    expire: () =>
      store.write(async (tx) => {
        await purgeMessages(tx, clock.now() - remembered);
        return expireMessages(tx, clock.now());
      }),
    wipe: () => store.truncateLog(),
    waiting: () => waitingMessages(store.read),
  };
}

/**
 * Milliseconds until the next try, ±20 %, so that not all come at once when a server is back. What lives shortly (a
 * code: five minutes) is tried at least some ten times in its life.
 */
function pauseAfter({ attempts, createdAt, expiresAt }: Claim): number {
  const pause = pauses[attempts - 1] ?? 600_000;
  const jitter = 0.8 + Math.random() * 0.4;
  return Math.round(Math.max(pauses[0], Math.min(pause, (expiresAt - createdAt) / 10)) * jitter);
}

const forms = { email: emailForm, sms: phoneForm } as const;

/** Refused while the sender can still be told; nothing that a mail header could take for more than one address (S29). */
function assertDeliverable(message: OutboundMessage): void {
  const { channel, to } = message;
  if (!forms[channel].test(to))
    throw new KysoError('requestInvalid', `a message to something that is no ${channel} address`);
  render(message);
}
