import { setTimeout as delay } from 'node:timers/promises';
import { kindOf } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { deriveKey, open, seal } from '../crypto/seal.ts';
import type { Peer } from '../ipc/contract.ts';
import type { NotifyContract, OutboundMessage, TemplateName } from '../ipc/notify-contract.ts';
import { deleteNotices, insertNotice, oldestNotices } from '../store/signer/notices.ts';
import type { Notice as NoticeRow, SignerTx, Subscriber } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';
import { localTime } from './local-time.ts';

/** How long a notice that carries no secret is worth delivering, in milliseconds. */
const noticeLifetime = 14 * 24 * 3_600_000;
/** Messages of one handover to notify. */
const batch = 100;
/** Milliseconds between two tries to reach notify, and between two looks at how it is. */
const pause = 1_000;

/** A notice is announced before its transaction is committed: looks are taken this many milliseconds after. */
const commitTimes = [10, 50, 250];

export type Notice = {
  template: TemplateName;
  values?: Record<string, string>;
  channels?: readonly OutboundMessage['channel'][];
  /** Epoch milliseconds after which nobody wants it. */
  expiresAt?: number;
};

/**
 * Tells a subscriber something, in the transaction of what it is about: it goes out if and only if that is committed
 * (S87). Until notify has it, it lies here sealed under a key of the token, since it may carry a code.
 */
export async function announce(
  signer: Signer,
  tx: SignerTx,
  person: Pick<Subscriber, 'email' | 'phone' | 'name'>,
  { template, values = {}, channels = ['email'], expiresAt }: Notice,
): Promise<void> {
  const createdAt = signer.time.now();
  for (const channel of channels) {
    const message: OutboundMessage = {
      id: newId(),
      channel,
      to: channel === 'email' ? person.email : person.phone,
      template,
      values: { name: person.name, time: localTime(createdAt), ...values },
      expiresAt: expiresAt ?? createdAt + noticeLifetime,
    };
    const sealed = seal(keyOf(signer, message.id), Buffer.from(JSON.stringify(message)), facts(message.id));
    await insertNotice(tx, { id: message.id, createdAt, sealed });
  }
  signer.wakeNotices();
}

/** Each notice has a key of its own, as `seal` wants it. */
const keyOf = ({ noticeKey }: Pick<Signer, 'noticeKey'>, id: string) =>
  deriveKey(noticeKey, Buffer.from(id), 'kyso notice');

const facts = (id: string) => ({ use: 'notice', id });

/** Hands committed notices to notify and keeps an eye on it, until it is stopped. */
export type NoticeDispatch = {
  wake(): void;
  state(): 'ok' | 'delayed' | 'away';
  stop(): Promise<void>;
};

/**
 * At least once: a notice is deleted here when notify has it in its own outbox, which knows it by its id when it comes
 * again. `onError` is told what keeps a handover from working, once for each change of the reason.
 */
export function dispatchNotices(
  signer: Pick<Signer, 'store' | 'noticeKey'>,
  notify: Peer<NotifyContract>,
  onError: (error: unknown) => void,
): NoticeDispatch {
  const stop = new AbortController();
  let bell = Promise.withResolvers<void>();
  let state: 'ok' | 'delayed' | 'away' = 'away';
  let trouble = '';

  async function handOver(): Promise<boolean> {
    const { store } = signer;
    const rows = await oldestNotices(store.read, batch);
    if (rows.length === 0) return false;
    const givenUp: unknown[] = [];
    const messages = rows.flatMap((row) => readable(row, (error) => givenUp.push(error)));
    if (messages.length > 0) await post(messages, (error) => givenUp.push(error));
    await store.write((tx) =>
      deleteNotices(
        tx,
        rows.map(({ id }) => id),
      ),
    );
    for (const error of givenUp) onError(error);
    return rows.length === batch;
  }

  /** One message that notify cannot take must not hold up the others: then each goes alone, and that one is given up. */
  async function post(messages: OutboundMessage[], report: (error: unknown) => void): Promise<void> {
    try {
      await notify.call('messages.post', { messages });
    } catch (error) {
      if (kindOf(error) !== 'requestInvalid') throw error;
      if (messages.length === 1) return report(error);
      for (const message of messages) await post([message], report);
    }
  }

  /** A notice that somebody changed in the store is reported and given up, so that the others go out. */
  function readable({ id, sealed }: NoticeRow, report: (error: unknown) => void): OutboundMessage[] {
    try {
      return [JSON.parse(open(keyOf(signer, id), sealed, facts(id)).toString())];
    } catch (error) {
      report(error);
      return [];
    }
  }

  async function look(): Promise<void> {
    const { delayed } = await notify.call('status', {});
    state = delayed ? 'delayed' : 'ok';
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      bell = Promise.withResolvers();
      try {
        let more = true;
        while (more && !stop.signal.aborted) more = await handOver();
        await look();
        trouble = '';
      } catch (error) {
        state = 'away';
        if (trouble !== String(error) && notify.connected()) onError(error);
        trouble = String(error);
      }
      await Promise.race([bell.promise, delay(pause, undefined, { signal: stop.signal }).catch(() => {})]);
    }
  }

  const running = run();
  return {
    wake() {
      for (const soon of commitTimes) setTimeout(() => bell.resolve(), soon).unref();
    },
    state: () => state,
    async stop() {
      stop.abort();
      await running;
    },
  };
}
