import type { Line } from '../ipc/line.ts';
import type { Procedure as Validity } from '../pki/profiles.ts';

/** What the law and this authority's practice say of a procedure, as data. */
export type Procedure = {
  /** Whose legal limit holds for the validity; `kept`: it ends with the certificate before. */
  validity: Validity | 'kept';
  /** Whether signer makes a key for it. */
  newKey: boolean;
  /** Whether it ends the certificate before; else that one runs out by itself. */
  supersedes: boolean;
  /** Days of validity that the certificate before must have left. */
  daysLeft?: number;
  /** How often it may be done for one key. */
  times?: number;
};

/**
 * Validities: Decree 68/2024/NĐ-CP art. 9 (new ≤ 5 years, renewed ≤ 3 years). Renewal once only and with at least 60 days
 * left: the procedure "Gia hạn, thay đổi thông tin chứng thư số" as ca.gov.vn publishes it (basis Decree 130/2018/NĐ-CP,
 * not restated since). Change of content: Decree 68/2024 art. 15; it prolongs nothing. The law knows no rekey: it is a new
 * certificate for a new key, under an approval like the first one's.
 */
export const procedures: Record<Line['procedure'], Procedure> = {
  issue: { validity: 'new', newKey: true, supersedes: false },
  renew: { validity: 'renewed', newKey: false, supersedes: false, daysLeft: 60, times: 1 },
  change: { validity: 'kept', newKey: false, supersedes: true },
  rekey: { validity: 'new', newKey: true, supersedes: true },
};
