import type { Domain } from '../open-store.ts';
import { sameRows } from '../same-rows.ts';
import type { Store, Tx } from '../store.ts';
import * as postgresql from './schema-postgresql.ts';
import * as sqlite from './schema-sqlite.ts';

sameRows<typeof postgresql, typeof sqlite>(true);

/** The store of the API process: logins, clients, grants and its own settings. Nothing in it can open a signing key. */
export const apiDomain = { name: 'api', postgresql, sqlite } as const satisfies Domain<typeof postgresql>;

export type ApiTables = typeof postgresql;
export type ApiStore = Store<ApiTables>;
export type ApiTx = Tx<ApiTables>;

export type Login = typeof postgresql.logins.$inferSelect;
export type Client = typeof postgresql.clients.$inferSelect;
export type Grant = typeof postgresql.grants.$inferSelect;
export type AccessToken = typeof postgresql.accessTokens.$inferSelect;
export type RefreshToken = typeof postgresql.refreshTokens.$inferSelect;
