import { KysoError } from '../../src/base/errors.ts';
import type { Peer } from '../../src/ipc/contract.ts';
import type { NotifyContract, OutboundMessage, TemplateName } from '../../src/ipc/notify-contract.ts';
import { until } from './until.ts';

/** Plays notify: keeps what it gets. `away` makes it unreachable; `delayed` is what it says of its mail server. */
export type FakeNotify = Peer<NotifyContract> & {
  messages: OutboundMessage[];
  away: boolean;
  delayed: boolean;
  /** The newest message of this template whose `userID`, address or phone is `who`, not among the first `seen`; waits for it. */
  sent(template: TemplateName, who?: string, seen?: number): Promise<OutboundMessage>;
};

export function fakeNotify(): FakeNotify {
  const known = new Set<string>();
  const self: FakeNotify = {
    messages: [],
    away: false,
    delayed: false,
    connected: () => !self.away,
    close: () => {},
    async call(method, params) {
      if (self.away) throw new KysoError('unavailable', 'notify is away');
      if (method === 'status') return { ready: true, waiting: 0, delayed: self.delayed } as never;
      for (const message of (params as { messages: OutboundMessage[] }).messages) {
        if (!known.has(message.id)) self.messages.push(message);
        known.add(message.id);
      }
      return {} as never;
    },
    async sent(template, who, seen = 0) {
      const find = () =>
        self.messages
          .slice(seen)
          .findLast(
            ({ template: name, to, values }) =>
              name === template && (who === undefined || [values.userID, to].includes(who)),
          );
      await until(async () => find() !== undefined);
      return find()!;
    },
  };
  return self;
}
