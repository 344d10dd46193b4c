import type { Domain } from '../open-store.ts';
import { sameRows } from '../same-rows.ts';
import type { Store, Tx } from '../store.ts';
import * as postgresql from './schema-postgresql.ts';
import * as sqlite from './schema-sqlite.ts';

sameRows<typeof postgresql, typeof sqlite>(true);

/** The signer's own store: vaults, sealed keys, factors, authorizations and the signing log. */
export const signerDomain = { name: 'signer', postgresql, sqlite } as const satisfies Domain<typeof postgresql>;

export type SignerTables = typeof postgresql;
export type SignerStore = Store<SignerTables>;
export type SignerTx = Tx<SignerTables>;

export type Subscriber = typeof postgresql.subscribers.$inferSelect;
export type Vault = typeof postgresql.vaults.$inferSelect;
export type Factors = typeof postgresql.factors.$inferSelect;
export type Key = typeof postgresql.keys.$inferSelect;
export type Credential = typeof postgresql.credentials.$inferSelect;
export type Authorization = typeof postgresql.authorizations.$inferSelect;
export type AuthorizedHash = typeof postgresql.authorizedHashes.$inferSelect;
export type OneTimeCode = typeof postgresql.oneTimeCodes.$inferSelect;
export type TotpMove = typeof postgresql.totpMoves.$inferSelect;
export type Notice = typeof postgresql.notices.$inferSelect;
export type Evidence = typeof postgresql.evidence.$inferSelect;
export type Signing = typeof postgresql.signings.$inferSelect;
