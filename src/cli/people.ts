import type { SandboxLine } from '../ipc/ca-contract.ts';

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

/** Who a line of the sandbox is about. */
export type Person = Omit<SandboxLine, 'keyType' | 'serial'>;

export type Role = keyof typeof people;

/** One credential of each key type for each of them. */
export const keyTypes = ['RSA-2048', 'EC-P256'] as const;

function person(userID: string, name: string, phone: string, organisation: string, unit: string): Person {
  const subject = { commonName: name, organisation, organisationalUnits: [unit], locality: 'Sông Hồng' };
  return { userID, name, email: `${userID}@songhong.example.vn`, phone, subject };
}
