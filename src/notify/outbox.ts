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
  waitingMessages,
} from '../store/notify/messages.ts';
import type { NotifyStore } from '../store/notify/tables.ts';
import { render } from './templates.ts';

/** Milliseconds until the next try, after the 1st, 2nd, … one; the last value repeats until the message expires. */
const pauses = [1_000, 5_000, 30_000, 120_000, 600_000, 1_800_000];
/** How long a taken message is nobody else's; longer than any carrier's patience. */
const lease = 120_000;
/** How long an ended message is remembered without its content, so that it is known when it comes again. */
const remembered = 30 * 24 * 3_600_000;

type Claimed = { message: OutboundMessage; attempts: number };

/**
 * Messages on their way. What they say lies sealed under a key that is not in the store, from the commit that takes
 * them in to the commit that ends them, which erases it (S87).
 */
export type Outbox = {
  /** @throws KysoError requestInvalid — an address or a value that cannot be right; then none is taken */
  post(messages: OutboundMessage[]): Promise<void>;
  due(most: number): Promise<string[]>;
  /** Takes a message for one try; undefined when another deliverer has it. */
  claim(id: string): Promise<Claimed | undefined>;
  end(id: string, status: EndStatus, facts?: { receipt?: string; trouble?: string }): Promise<void>;
  postpone(id: string, attempts: number, trouble: string): Promise<void>;
  /** Ends what nobody wants any more and forgets what ended long ago; returns the ids of the former. */
  upkeep(): Promise<string[]>;
  status(): Promise<{ waiting: number; delayed: boolean; trouble?: string }>;
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
    due: (most) => dueMessages(store.read, clock.now(), most),
    async claim(id) {
      const now = clock.now();
      const row = await store.write((tx) => claimMessage(tx, id, now, now + lease));
      if (!row?.sealed) return undefined;
      return { message: JSON.parse(open(keyOf(id), row.sealed, facts(id)).toString()), attempts: row.attempts };
    },
    end: (id, status, { receipt, trouble } = {}) =>
      store.write((tx) =>
        endMessage(tx, id, { status, endedAt: clock.now(), ...(receipt && { receipt }), ...(trouble && { trouble }) }),
      ),
    postpone(id, attempts, trouble) {
      const pause = pauses[Math.min(attempts, pauses.length) - 1]!;
      const jitter = 0.8 + Math.random() * 0.4;
      return store.write((tx) => postponeMessage(tx, id, clock.now() + Math.round(pause * jitter), trouble));
    },
    upkeep: () =>
      store.write(async (tx) => {
        await purgeMessages(tx, clock.now() - remembered);
        return expireMessages(tx, clock.now());
      }),
    async status() {
      const { waiting, troubled, trouble } = await waitingMessages(store.read);
      return { waiting, delayed: troubled > 0, ...(trouble !== undefined && { trouble }) };
    },
  };
}

/** Refused while the sender can still be told; one address only, and nothing that a mail header could take for more. */
function assertDeliverable(message: OutboundMessage): void {
  const { channel, to } = message;
  const form = channel === 'email' ? /^[^\s@,;:<>()"'\\]{1,64}@[A-Za-z0-9.-]{1,189}$/ : /^\+[1-9]\d{6,14}$/;
  if (!form.test(to)) throw new KysoError('requestInvalid', `a message to something that is no ${channel} address`);
  render(message);
}
