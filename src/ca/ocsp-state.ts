import type { CrlReason } from '../pki/crl-reasons.ts';
import type { CaAuthority } from './authorities.ts';
import type { Authority } from './context.ts';
import { type ReasonName, revocationReasons } from './revocation-reasons.ts';

/** What ca says of a certificate; `revokedAt` in epoch milliseconds. */
export type CertificateState =
  | { status: 'good' | 'unknown' }
  | { status: 'revoked'; revokedAt: number; reason: CrlReason };

/**
 * The state of a certificate of this issuer by its serial number (upper-case hex). One that was never issued is
 * `unknown`. RFC 6960 §2.2 would allow `revoked`, too; but with the answer of §4.4.8 nobody could tell it from one on hold,
 * and a certificate that ca did not issue is none of its statements.
 * @throws KysoError integrity — the row is not as ca wrote it; unavailable — the store is away
 */
export async function stateOf(
  authority: Authority,
  issuer: CaAuthority,
  serialNumber: string,
): Promise<CertificateState> {
  const { rows, store } = authority;
  const row = await rows.certificates.find(store.read, { serialNumber });
  if (row?.authority === issuer.id) {
    if (row.revocation === 'hold') return revoked(row.revokedAt, 'certificateHold');
    if (row.revocation === 'revoked') return revoked(row.revokedAt, revocationReasons[row.reason as ReasonName].crl);
    if (row.status === 'issued') return { status: 'good' };
  }
  const own = await rows.authorities.find(store.read, { serialNumber });
  const isChild = own !== undefined && own.issuer === issuer.id && own.id !== issuer.id;
  return { status: isChild ? 'good' : 'unknown' };
}

const revoked = (at: number | null, reason: CrlReason): CertificateState => ({
  status: 'revoked',
  revokedAt: at ?? 0,
  reason,
});
