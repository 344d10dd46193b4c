import { randomBytes } from 'node:crypto';
import { newId } from '../../src/base/ids.ts';
import type { OutboundMessage } from '../../src/ipc/notify-contract.ts';
import type { Carrier } from '../../src/notify/carrier.ts';
import { type DeliveryParts, startDelivery, type Trouble } from '../../src/notify/delivery.ts';
import { createOutbox } from '../../src/notify/outbox.ts';
import type { NotifyStore } from '../../src/store/notify/tables.ts';
import { type FakeClock, fakeClock } from './fake-clock.ts';

export const day = 24 * 3_600_000;
/** Text, as the key of an installation. */
export const outboxKey = Buffer.from(randomBytes(24).toString('base64url'));

/** An outbox on `store`, with a clock that stands. */
export function outboxOn(store: NotifyStore, clock: FakeClock = fakeClock(), secret: Uint8Array = outboxKey) {
  return { store, clock, outbox: createOutbox({ store, secret, clock }) };
}

/** A one-time code by e-mail that is wanted for two weeks of the fake clock. */
export function message(clock: FakeClock, over: Partial<OutboundMessage> = {}): OutboundMessage {
  return {
    ...{ id: newId(), channel: 'email', to: 'lan@example.vn', template: 'oneTimeCode' },
    values: { name: 'Nguyễn Thị Lan', code: '123456', minutes: '5' },
    expiresAt: clock.now() + 14 * day,
    ...over,
  };
}

/** The other half of an activation, by SMS. */
export function sms(clock: FakeClock, over: Partial<OutboundMessage> = {}): OutboundMessage {
  const values = { name: 'Nguyễn Thị Lan', half: '7G4K-M2QX-9TBE-4' };
  return message(clock, { channel: 'sms', to: '+84900000001', template: 'activation.sms', values, ...over });
}

/** A running delivery that is stopped at the end of the test; `troubles` is what its operator was told. */
export function delivering(
  t: { teardown(handler: () => unknown): void },
  outbox: DeliveryParts['outbox'],
  carriers: Record<string, Carrier>,
) {
  const troubles: Trouble[] = [];
  const delivery = startDelivery({ outbox, carriers, onTrouble: (what) => troubles.push(what) });
  t.teardown(() => delivery.stop());
  return { ...delivery, troubles };
}
