import type { CrlReason } from '../pki/crl-reasons.ts';

export type RevocationReason = {
  /** What a relying party reads. */
  crl: CrlReason;
  /** Where it comes from. The mapping to a CRLReason is ours: the decree names none. */
  source: string;
  vi: string;
  en: string;
};

const decree = 'Decree 68/2024/NĐ-CP art. 17';

/**
 * Why a certificate can be revoked. Of art. 17's reasons one is missing: a certificate that has expired needs nothing.
 * A change of position can also be a change of content under art. 15: which of the two, whoever asks has to say.
 */
export const revocationReasons = {
  keyCompromise: {
    ...{ crl: 'keyCompromise', source: decree },
    vi: 'Khóa bí mật bị lộ hoặc nghi bị lộ',
    en: 'the private key is exposed, or may be',
  },
  /** Keys are kept centrally: what gets lost or broken is the phone that proves who asks. */
  deviceLost: {
    ...{ crl: 'superseded', source: decree },
    vi: 'Thiết bị lưu khóa bị hỏng, thất lạc hoặc mất an toàn khác',
    en: 'the device is broken, lost or otherwise not safe',
  },
  authorityRequest: {
    ...{ crl: 'privilegeWithdrawn', source: decree },
    vi: 'Yêu cầu của cơ quan tiến hành tố tụng, cơ quan công an',
    en: 'prosecuting bodies or the police ask for it',
  },
  organisationRequest: {
    ...{ crl: 'cessationOfOperation', source: decree },
    vi: 'Yêu cầu của cơ quan, tổ chức quản lý trực tiếp',
    en: 'the managing organisation asks for it',
  },
  positionChanged: {
    ...{ crl: 'affiliationChanged', source: decree },
    vi: 'Thay đổi vị trí công tác, thông tin không còn phù hợp',
    en: 'another position: the content is no longer right',
  },
  retired: {
    ...{ crl: 'affiliationChanged', source: decree },
    vi: 'Nghỉ hưu, thôi việc',
    en: 'retired, or left the service',
  },
  deceased: { ...{ crl: 'cessationOfOperation', source: decree }, vi: 'Từ trần', en: 'died' },
  /** A certificate whose issuing could not be finished: it may have been signed, and must never be relied on (S74). */
  notIssued: {
    ...{ crl: 'cessationOfOperation', source: 'RFC 5280 §5.3.1' },
    vi: 'Việc cấp chứng thư không hoàn thành',
    en: 'its issuing was not completed',
  },
  superseded: {
    ...{ crl: 'superseded', source: 'RFC 5280 §5.3.1' },
    vi: 'Đã được thay bằng chứng thư khác',
    en: 'another certificate took its place',
  },
  /** Of an authority's own certificate. */
  authorityCompromise: {
    ...{ crl: 'cACompromise', source: 'RFC 5280 §5.3.1' },
    vi: 'Khóa của cơ quan cấp chứng thư bị lộ hoặc nghi bị lộ',
    en: 'the key of an authority is exposed, or may be',
  },
} as const satisfies Record<string, RevocationReason>;

export type ReasonName = keyof typeof revocationReasons;
export const reasonNames = Object.keys(revocationReasons) as ReasonName[];
