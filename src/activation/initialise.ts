import { createPublicKey } from 'node:crypto';
import { rowMac } from '../crypto/row-mac.ts';
import type { Backup } from '../hsm/backup-file.ts';
import type { Token } from '../hsm/pool.ts';
import { openLog } from '../store/log.ts';
import { signerRows } from '../store/signer/rows.ts';
import type { SignerStore } from '../store/signer/tables.ts';
import { tokenLabels } from './context.ts';
import { firstEpoch } from './epochs.ts';
import { formatPlace, parsePlace } from './feed-state.ts';
import { firstVersions } from './key-versions.ts';
import { writeSetting } from './settings.ts';

/** The rows of the signer's store under the MAC key that its token makes. */
export async function openRows(store: SignerStore, token: Token, broken?: (table: string) => void) {
  const mac = rowMac(await token.hmac({ label: tokenLabels.rowMac, data: Buffer.from('kyso signer rows') }), broken);
  return { mac, rows: signerRows(store.read.t, mac) };
}

/**
 * `kyso signer init`: gives a new store its epoch and remembers the token that it belongs to, and its
 * backup. Returns the attestation key.
 */
export async function initialiseSignerStore(store: SignerStore, token: Token, backup?: Backup): Promise<Buffer> {
  const { rows } = await openRows(store, token);
  const { spki } = await token.publicKey({ label: tokenLabels.attestation });
  await store.write(async (tx) => {
    await openLog(tx);
    await writeSetting({ rows }, tx, 'epoch', JSON.stringify(firstEpoch()));
    await writeSetting({ rows }, tx, 'feedPlace', formatPlace(parsePlace(undefined)));
    await writeSetting({ rows }, tx, 'lastInstant', '0');
    await writeSetting({ rows }, tx, 'attestationKey', spki.toString('base64'));
    for (const kind of ['kek', 'pepper'] as const)
      await writeSetting({ rows }, tx, kind, JSON.stringify(firstVersions(kind)));
    if (backup) await writeSetting({ rows }, tx, 'backup', JSON.stringify(backup));
  });
  return spki;
}

/** `kyso signer enrol`: from now on this signer obeys the ca that holds the private half of `spki`. */
export async function enrolCa(store: SignerStore, token: Token, spki: Buffer): Promise<void> {
  const { rows } = await openRows(store, token);
  createPublicKey({ key: spki, format: 'der', type: 'spki' });
  await store.write((tx) => writeSetting({ rows }, tx, 'caFeedKey', spki.toString('base64')));
}
