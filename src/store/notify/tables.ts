import type { Domain } from '../open-store.ts';
import { sameRows } from '../same-rows.ts';
import type { Store, Tx } from '../store.ts';
import * as postgresql from './schema-postgresql.ts';
import * as sqlite from './schema-sqlite.ts';

sameRows<typeof postgresql, typeof sqlite>(true);

/** The outbox of notify: messages on their way, sealed. */
export const notifyDomain = { name: 'notify', postgresql, sqlite } as const satisfies Domain<typeof postgresql>;

export type NotifyTables = typeof postgresql;
export type NotifyStore = Store<NotifyTables>;
export type NotifyTx = Tx<NotifyTables>;

export type Message = typeof postgresql.messages.$inferSelect;
