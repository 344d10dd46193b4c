import type { RowMac } from '../../crypto/row-mac.ts';
import { sealedTable } from '../sealed-table.ts';
import type { CaTables } from './tables.ts';

/** The sealed tables of ca under the MAC key that its token gave at start. */
export function caRows(t: CaTables, mac: RowMac) {
  return {
    subscribers: sealedTable('subscribers', t.subscribers, mac),
    credentials: sealedTable('credentials', t.credentials, mac),
    lines: sealedTable('lines', t.lines, mac),
    keys: sealedTable('keys', t.keys, mac),
    certificates: sealedTable('certificates', t.certificates, mac),
    authorities: sealedTable('authorities', t.authorities, mac),
    revocations: sealedTable('revocations', t.revocations, mac),
    crlShards: sealedTable('crl_shards', t.crlShards, mac),
    crls: sealedTable('crls', t.crls, mac),
    crlEntries: sealedTable('crl_entries', t.crlEntries, mac),
    trustAnchors: sealedTable('trust_anchors', t.trustAnchors, mac),
    externalRequests: sealedTable('external_requests', t.externalRequests, mac),
    externalCertificates: sealedTable('external_certificates', t.externalCertificates, mac),
    organisations: sealedTable('organisations', t.organisations, mac),
    organisationCertificates: sealedTable('organisation_certificates', t.organisationCertificates, mac),
    officers: sealedTable('officers', t.officers, mac),
    orderLists: sealedTable('order_lists', t.orderLists, mac),
    approvals: sealedTable('approvals', t.approvals, mac),
    feedOrders: sealedTable('feed_orders', t.feedOrders, mac),
    settings: sealedTable('settings', t.settings, mac),
  };
}

export type CaRows = ReturnType<typeof caRows>;
