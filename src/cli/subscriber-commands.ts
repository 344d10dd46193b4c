import { KysoError } from '../base/errors.ts';
import { signerContract } from '../ipc/signer-contract.ts';
import { askNew, say } from './dialogue.ts';
import { showSeed } from './enrolment.ts';
import { plain, when } from './plain.ts';
import { describeEntry } from './subscriber-history.ts';
import { questions, type Session } from './subscriber-session.ts';

/** A command of a holder who is logged in; `limit` and `before` are for the history. */
export type Command = (
  session: Session,
  options: { limit?: string | undefined; before?: string | undefined },
) => Promise<void>;

const moveAnswers = {
  begun: signerContract['totpMove.begin'].result,
  confirmed: signerContract['totpMove.confirm'].result,
};

/** The commands by name. Each asks for what it needs, in the order that the usage says. */
export const commands: Record<string, Command> = {
  status: showStatus,
  history: showHistory,
  async pin({ service, dialogue, token }) {
    const pin = await dialogue.answers.ask(questions.pin);
    const newPin = await askNew(dialogue, questions.newPin);
    await service.post('/pin', { pin, newPin }, token);
    say(dialogue, 'Mã PIN đã được đổi.', 'The PIN was changed.');
  },
  async password({ service, dialogue, token, password }) {
    const newPassword = await askNew(dialogue, questions.newPassword);
    await service.post('/password', { oldPassword: password, newPassword }, token);
    say(
      dialogue,
      'Mật khẩu đã được đổi; mọi phiên đăng nhập đã kết thúc.',
      'The password was changed; all logins have ended.',
    );
  },
  async freeze({ service, dialogue, token }) {
    await service.post('/freeze', {}, token);
    say(
      dialogue,
      'Quyền ký đã tạm khóa; chứng thư số vẫn có hiệu lực. Mở lại: kyso subscriber unfreeze',
      'Signing is frozen; your certificates stay valid. To lift it: kyso subscriber unfreeze',
    );
  },
  async unfreeze({ service, dialogue, token }) {
    const otp = await dialogue.answers.ask(questions.otp);
    const pin = await dialogue.answers.ask(questions.pin);
    await service.post('/unfreeze', { pin, otp }, token);
    say(dialogue, 'Quyền ký đã được mở lại.', 'Signing works again.');
  },
  async 'totp begin'({ service, dialogue, token }) {
    const pin = await dialogue.answers.ask(questions.pin);
    const { otpauthUri } = await service.ask('/totp/begin', moveAnswers.begun, { pin }, token);
    showSeed(dialogue, otpauthUri);
    say(
      dialogue,
      'Sau đó xác nhận bằng: kyso subscriber totp confirm. Điện thoại cũ vẫn dùng được.',
      'Then confirm it with: kyso subscriber totp confirm. The old phone still works.',
    );
  },
  async 'totp confirm'({ service, dialogue, token }) {
    const otp = await dialogue.answers.ask(questions.newOtp);
    const { effectiveAt } = await service.ask('/totp/confirm', moveAnswers.confirmed, { otp }, token);
    say(
      dialogue,
      `Điện thoại mới có hiệu lực từ ${when(effectiveAt)}; đến lúc đó dùng điện thoại cũ.`,
      `The new phone counts from ${when(effectiveAt)}; use the old one until then.`,
    );
  },
  async 'totp cancel'({ service, dialogue, token }) {
    await service.post('/totp/cancel', {}, token);
    say(dialogue, 'Đã hủy việc chuyển ứng dụng xác thực.', 'The move of the authenticator app was cancelled.');
  },
};

const states = {
  created: 'chưa kích hoạt / not activated',
  active: 'đang hoạt động / active',
  frozen: 'đã tạm khóa quyền ký / frozen',
};

async function showStatus({ service, dialogue, token }: Session): Promise<void> {
  const account = await service.get('/account', signerContract['account.status'].result, token);
  const { userID, name, status, pinLockedUntil, otpLockedUntil, totpMove } = account;
  const lines = [
    `${userID}  ${name}`,
    `tài khoản / account: ${states[status]}`,
    `mã PIN / PIN: ${describeLock(pinLockedUntil)}`,
    `mã xác thực / one-time codes: ${describeLock(otpLockedUntil)}`,
  ];
  if (totpMove?.effectiveAt !== undefined)
    lines.push(`điện thoại mới có hiệu lực / new phone counts from: ${when(totpMove.effectiveAt)}`);
  else if (totpMove)
    lines.push(`được phép chuyển sang điện thoại mới đến / new phone allowed until: ${when(totpMove.expiresAt)}`);
  for (const line of lines) dialogue.print(plain(line));
}

function describeLock(until: number): string {
  if (until <= Date.now()) return 'không bị khóa / not locked';
  if (until === Number.MAX_SAFE_INTEGER)
    return 'bị khóa vĩnh viễn, cần cấp khóa mới / locked for good: ask for new keys';
  return `bị khóa đến / locked until ${when(until)}`;
}

async function showHistory(
  { service, dialogue, token }: Session,
  { limit, before }: Parameters<Command>[1],
): Promise<void> {
  if (limit !== undefined && !/^([1-9][0-9]?|100)$/.test(limit))
    throw new KysoError('configuration', '--limit is a number from 1 to 100');
  const query = new URLSearchParams({ ...(limit && { limit }), ...(before && { before }) });
  const path = query.size > 0 ? `/history?${query}` : '/history';
  const page = await service.get(path, signerContract['account.history'].result, token);
  for (const entry of page.entries) dialogue.print(describeEntry(entry));
  if (page.before) dialogue.print(`Tiếp theo / there is more: --before ${plain(page.before)}`);
}
