import type { RowMac } from '../../crypto/row-mac.ts';
import { sealedTable } from '../sealed-table.ts';
import type { SignerTables } from './tables.ts';

/** The signer's sealed tables under the MAC key that its token gave at start. */
export function signerRows(t: SignerTables, mac: RowMac) {
  return {
    subscribers: sealedTable('subscribers', t.subscribers, mac),
    vaults: sealedTable('vaults', t.vaults, mac),
    factors: sealedTable('factors', t.factors, mac),
    keys: sealedTable('keys', t.keys, mac),
    credentials: sealedTable('credentials', t.credentials, mac),
    authorizations: sealedTable('authorizations', t.authorizations, mac),
    idempotencyKeys: sealedTable('idempotencyKeys', t.idempotencyKeys, mac),
    oneTimeCodes: sealedTable('oneTimeCodes', t.oneTimeCodes, mac),
    totpMoves: sealedTable('totpMoves', t.totpMoves, mac),
    settings: sealedTable('settings', t.settings, mac),
  };
}

export type SignerRows = ReturnType<typeof signerRows>;
