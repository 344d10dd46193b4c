import type { HistoryEntry } from '../ipc/signer-contract.ts';
import { plain, when } from './plain.ts';

type Texts = readonly [vi: string, en: string];

const events: Record<string, Texts> = {
  'subscriber.created': ['Tài khoản được tạo', 'account made'],
  'activation.begun': ['Bắt đầu kích hoạt', 'activation begun'],
  'activation.completed': ['Kích hoạt xong', 'account activated'],
  'key.made': ['Tạo khóa ký', 'key made'],
  'certificate.installed': ['Cấp chứng thư số', 'certificate issued'],
  'certificate.good': ['Chứng thư số có hiệu lực trở lại', 'certificate good again'],
  'certificate.hold': ['Chứng thư số bị tạm dừng', 'certificate suspended'],
  'certificate.revoked': ['Chứng thư số bị thu hồi', 'certificate revoked'],
  'key.ended': ['Khóa ký bị hủy', 'key destroyed'],
  'credential.blocked': ['Khóa ký bị chặn', 'key blocked'],
  'credential.unblocked': ['Khóa ký được mở lại', 'key unblocked'],
  'otp.sent': ['Gửi mã xác thực qua thư điện tử', 'one-time code sent by e-mail'],
  authorize: ['Phê duyệt ký', 'signatures approved'],
  extend: ['Gia hạn phê duyệt ký', 'approval extended'],
  sign: ['Ký số', 'signed'],
  'factor.pin': ['Nhập mã PIN', 'PIN entered'],
  'factor.otp': ['Nhập mã xác thực', 'one-time code entered'],
  'pin.changed': ['Đổi mã PIN', 'PIN changed'],
  'password.changed': ['Đổi mật khẩu', 'password changed'],
  'account.frozen': ['Tạm khóa quyền ký', 'signing frozen'],
  'account.unfrozen': ['Mở lại quyền ký', 'signing unfrozen'],
  'totpMove.attested': ['Điện thoại mới được xác nhận', 'new phone attested'],
  'totpMove.begun': ['Bắt đầu chuyển ứng dụng xác thực', 'move of the app begun'],
  'totpMove.confirmed': ['Ứng dụng mới đã xác nhận', 'new app confirmed'],
  'totpMove.cancelled': ['Hủy chuyển ứng dụng xác thực', 'move of the app cancelled'],
  'totpMove.finished': ['Ứng dụng xác thực mới có hiệu lực', 'new app counts'],
};

/** Nothing is said of what simply was done. */
const results: Record<HistoryEntry['result'], Texts | undefined> = {
  done: undefined,
  intended: ['đang thực hiện', 'under way'],
  refused: ['bị từ chối', 'refused'],
  failed: ['không thành công', 'failed'],
  unknown: ['không rõ kết quả, không trả về chữ ký', 'outcome unknown, nothing released'],
};

const details: Record<string, Texts> = {
  pinInvalid: ['sai mã PIN', 'wrong PIN'],
  pinLocked: ['mã PIN đang bị khóa', 'PIN locked'],
  otpInvalid: ['mã sai hoặc đã dùng', 'wrong or used code'],
  otpLocked: ['mã đang bị khóa', 'codes locked'],
  activationInvalid: ['sai mã kích hoạt', 'wrong activation data'],
};

const both = ([vi, en]: Texts) => `${vi} / ${en}`;

/** An entry of the history as one line: when, what, how it ended, and whatever else there is to say. */
export function describeEntry({ at, event, result, client, signatures, credentialID, detail }: HistoryEntry): string {
  const outcome = results[result];
  const known = detail === undefined ? undefined : details[detail];
  const parts = [
    both(events[event] ?? [event, event]),
    outcome && both(outcome),
    known ? both(known) : detail,
    signatures !== undefined && `${signatures} chữ ký / signature(s)`,
    client !== undefined && `ứng dụng / application: ${client}`,
    credentialID,
  ];
  return plain([when(at), parts.filter((part) => part).join(' · ')].join('  '));
}
