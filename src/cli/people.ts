import type { SandboxLine } from '../ipc/line.ts';

/** The two made-up subscribers of a sandbox. The first one's codes are left to whoever tries it: the demo signs as the second. */
export const people = {
  subscriber: person('bs.anh', 'Nguyễn Thị Ánh', '+84900000001', 'BỆNH VIỆN ĐA KHOA SÔNG HỒNG', 'KHOA NỘI TỔNG HỢP'),
  otherSubscriber: person(
    'gv.binh',
    'Trần Văn Bình',
    '+84900000002',
    'ỦY BAN NHÂN DÂN TỈNH SÔNG HỒNG',
    'TRƯỜNG TIỂU HỌC HOA SEN',
  ),
} as const;

/** Which credential to make: its key, and where its one-time codes come from. */
export type Wanted = Pick<SandboxLine, 'keyType' | 'otp'>;

/** Who a line of the sandbox is about. */
export type Person = Omit<SandboxLine, keyof Wanted | 'serial'>;

export type Role = keyof typeof people;

/**
 * Their credentials. The first subscriber has one of each usual kind; one takes its one-time code from an e-mail instead
 * of the authenticator app.
 */
export const credentials = {
  subscriber: [
    { keyType: 'RSA-2048', otp: 'totp' },
    { keyType: 'EC-P256', otp: 'totp' },
    { keyType: 'RSA-3072', otp: 'totp' },
    { keyType: 'EC-P384', otp: 'email' },
  ],
  otherSubscriber: [
    { keyType: 'RSA-2048', otp: 'totp' },
    { keyType: 'EC-P256', otp: 'totp' },
  ],
} as const satisfies Record<Role, readonly Wanted[]>;

function person(userID: string, name: string, phone: string, organisation: string, unit: string): Person {
  const subject = { commonName: name, organisation, organisationalUnits: [unit], locality: 'Sông Hồng' };
  return { userID, name, email: `${userID}@songhong.example.vn`, phone, subject };
}
