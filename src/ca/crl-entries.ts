import { KysoError } from '../base/errors.ts';
import { encodeEntry } from '../pki/crl.ts';
import { deleteEntries } from '../store/ca/crl-entries.ts';
import type { CaTx, CrlShard, IssuedCertificate } from '../store/ca/tables.ts';
import type { Authority } from './context.ts';
import { type ReasonName, revocationReasons } from './revocation-reasons.ts';

/** Stands for all outside authorities, in the rows of the certificates that they issued. */
export const external = 'external';

type Parts = Pick<Authority, 'rows'>;

/**
 * Brings the entry of a certificate into line with its status, in the same transaction: there while it is held or
 * revoked, and encoded once. The shard's row counts its entries, so that one that somebody removed is missed.
 */
export async function keepEntry({ rows }: Parts, tx: CaTx, certificate: IssuedCertificate): Promise<void> {
  if (certificate.authority === external) return; // its own authority says so
  const shard = await lockShard({ rows }, tx, certificate.shard);
  const revision = shard.revision + 1;
  const known = await rows.crlEntries.lock(tx, { serialNumber: certificate.serialNumber });
  if (certificate.revocation === 'none') {
    if (!known) return;
    await deleteEntries(tx, [certificate.serialNumber]);
    await rows.crlShards.replace(tx, shard, { revision, entries: shard.entries - 1 });
    return;
  }
  const entry = encodedEntry(certificate);
  const { serialNumber, notAfter } = certificate;
  if (known) await rows.crlEntries.replace(tx, known, { entry, revision });
  else await rows.crlEntries.insert(tx, { serialNumber, shard: shard.id, entry, revision, notAfter });
  await rows.crlShards.replace(tx, shard, { revision, entries: shard.entries + (known ? 0 : 1) });
}

/** @throws KysoError integrity — there is no such shard: somebody removed it */
export async function lockShard({ rows }: Parts, tx: CaTx, id: string): Promise<CrlShard> {
  const shard = await rows.crlShards.lock(tx, { id });
  if (!shard) throw new KysoError('integrity', `the CRL shard ${id} is missing: restore ca's store`);
  return shard;
}

function encodedEntry({ serialNumber, revocation, reason, revokedAt }: IssuedCertificate): Buffer {
  const named = revocationReasons[reason as ReasonName]?.crl;
  if (!named || revokedAt === null) throw new KysoError('internal', `${serialNumber} is revoked without a reason`);
  return encodeEntry({
    serialNumber,
    revokedAt: new Date(revokedAt),
    reason: revocation === 'hold' ? 'certificateHold' : named,
  });
}
