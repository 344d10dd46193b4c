import type { Domain } from '../open-store.ts';
import { sameRows } from '../same-rows.ts';
import type { Store, Tx } from '../store.ts';
import * as postgresql from './schema-postgresql.ts';
import * as sqlite from './schema-sqlite.ts';

sameRows<typeof postgresql, typeof sqlite>(true);

/** The store of ca: subscribers, credentials, certificates, the status feed's orders and the issuance log. */
export const caDomain = { name: 'ca', postgresql, sqlite } as const satisfies Domain<typeof postgresql>;

export type CaTables = typeof postgresql;
export type CaStore = Store<CaTables>;
export type CaTx = Tx<CaTables>;

export type Credential = typeof postgresql.credentials.$inferSelect;
export type Line = typeof postgresql.lines.$inferSelect;
export type KeyRow = typeof postgresql.keys.$inferSelect;
export type AuthorityRow = typeof postgresql.authorities.$inferSelect;
export type Revocation = typeof postgresql.revocations.$inferSelect;
export type CrlShard = typeof postgresql.crlShards.$inferSelect;
export type Crl = typeof postgresql.crls.$inferSelect;
export type CrlEntry = typeof postgresql.crlEntries.$inferSelect;
export type ExternalCertificate = typeof postgresql.externalCertificates.$inferSelect;
export type Organisation = typeof postgresql.organisations.$inferSelect;
export type OrganisationCertificate = typeof postgresql.organisationCertificates.$inferSelect;
export type Officer = typeof postgresql.officers.$inferSelect;
export type OrderList = typeof postgresql.orderLists.$inferSelect;
export type Approval = typeof postgresql.approvals.$inferSelect;
export type IssuedCertificate = typeof postgresql.certificates.$inferSelect;
