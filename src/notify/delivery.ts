import { setTimeout as delay } from 'node:timers/promises';
import type { OutboundMessage } from '../ipc/notify-contract.ts';
import { type Carrier, DeliveryFailure } from './carrier.ts';
import type { Outbox } from './outbox.ts';
import { render } from './templates.ts';

/** Tries at once, and milliseconds between two looks when nobody rings. */
const [atOnce, pause] = [4, 500];

export type DeliveryParts = {
  outbox: Outbox;
  /** A channel without a carrier: its messages wait, and the status says why. */
  carriers: Partial<Record<OutboundMessage['channel'], Carrier>>;
  /** Told of messages that did not go out, by id, and of failures of our own. Never of addresses or texts. */
  onTrouble(what: { id?: string; trouble: string; final: boolean; error?: unknown }): void;
};

export type DeliveryLoop = { wake(): void; stop(): Promise<void> };

/**
 * Delivers what is due until it is stopped; each message at least once, and again only when a try failed or its taker
 * died between the other side's "yes" and our commit of it.
 */
export function startDelivery({ outbox, carriers, onTrouble }: DeliveryParts): DeliveryLoop {
  const stop = new AbortController();
  let bell = Promise.withResolvers<void>();

  async function deliver(id: string): Promise<void> {
    const claimed = await outbox.claim(id);
    if (!claimed) return;
    const { message, attempts } = claimed;
    const carrier = carriers[message.channel];
    if (!carrier) return outbox.postpone(id, attempts, `no way out for ${message.channel} is configured`);
    try {
      const { receipt } = await carrier.deliver({ id, to: message.to, ...render(message) });
      await outbox.end(id, 'sent', receipt === undefined ? {} : { receipt });
    } catch (error) {
      if (!(error instanceof DeliveryFailure)) throw error;
      const { trouble, permanent } = error;
      onTrouble({ id, trouble, final: permanent });
      if (permanent) await outbox.end(id, 'failed', { trouble });
      else await outbox.postpone(id, attempts, trouble);
    }
  }

  async function round(): Promise<void> {
    for (const id of await outbox.upkeep()) onTrouble({ id, trouble: 'expired', final: true });
    for (;;) {
      const due = await outbox.due(atOnce);
      if (due.length === 0 || stop.signal.aborted) return;
      await Promise.all(due.map(deliver));
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      bell = Promise.withResolvers();
      await round().catch((error: unknown) => onTrouble({ trouble: 'delivery', final: false, error }));
      await Promise.race([bell.promise, delay(pause, undefined, { signal: stop.signal }).catch(() => {})]);
    }
  }

  const running = run();
  return {
    wake: () => bell.resolve(),
    async stop() {
      stop.abort();
      await running;
      for (const carrier of Object.values(carriers)) carrier?.close();
    },
  };
}
