import type { Authority } from '../../src/ca/context.ts';
import type { Order } from '../../src/ipc/feed.ts';
import type { CaStore, IssuedCertificate } from '../../src/store/ca/tables.ts';
import { issued } from './issued.ts';

/** An issued certificate that is the one of a credential. */
export async function certified(authority: Authority): Promise<IssuedCertificate> {
  const certificate = await issued(authority);
  await authority.store.write((tx) =>
    authority.rows.credentials.insert(tx, {
      ...{ id: certificate.credential, subscriber: 'x', keyType: 'EC-P256', otp: 'totp', keyVersion: 1 },
      ...{ certificate: certificate.serialNumber, organisation: 'x', line: null, status: 'active' },
      createdAt: certificate.createdAt,
    }),
  );
  return certificate;
}

/** Every order in the feed, in its order. */
export async function ordersOf(store: CaStore): Promise<Order[]> {
  const rows = await store.read.db.select().from(store.read.t.feedOrders);
  return rows.sort((a, b) => a.number - b.number).map(({ payload }) => JSON.parse(payload).order);
}

/** The log's entries whose events begin so, in their order, as `event result`. */
export async function eventsOf(store: CaStore, beginning: string): Promise<string[]> {
  const rows = await store.read.db.select().from(store.read.t.logLeaves);
  return rows
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ leaf }) => JSON.parse(leaf) as { event: string; result: string })
    .filter(({ event }) => event.startsWith(beginning))
    .map(({ event, result }) => `${event} ${result}`);
}
