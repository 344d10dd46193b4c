import { KysoError } from '../base/errors.ts';
import type { OutboundMessage, TemplateName } from '../ipc/notify-contract.ts';

/** A message ready to go. An SMS has no subject. */
export type Rendered = { subject: string; text: string };

type Values = Readonly<Record<string, string>>;
type Email = { subject: { vi: string; en: string }; vi: string; en: string };
type Template = { needs: readonly string[]; email?: (v: Values) => Email; sms?: (v: Values) => string };

const stranger = {
  vi: 'Nếu không phải bạn thực hiện, hãy tạm khóa quyền ký ngay và báo cho cơ quan quản lý của bạn.',
  en: 'If this was not you, freeze your signing account at once and tell your organisation.',
};

const account = (vi: string, en: string) => ({
  subject: { vi: `Kyso: ${vi}`, en },
});

/** When it happened, where the sender says so: a message may come late. */
const at = {
  vi: ({ time }: Values) => (time ? ` lúc ${time}` : ''),
  en: ({ time }: Values) => (time ? ` at ${time}` : ''),
};

/** A lock that no waiting ends is `for good` in the signer's words. */
const until = {
  vi: ({ until }: Values) => (until === 'for good' ? 'vĩnh viễn' : `đến ${until}`),
  en: ({ until }: Values) => (until === 'for good' ? until : `until ${until}`),
};

/** What people are told, in Vietnamese first. The texts of SMS stay below 160 characters of GSM-7 with usual values. */
const templates: Record<TemplateName, Template> = {
  'activation.email': {
    needs: ['name', 'userID', 'half'],
    email: ({ userID, half }) => ({
      ...account('Kích hoạt tài khoản ký số', 'Activate your signing account'),
      vi: `Tài khoản ký số ${userID} đã được tạo cho bạn. Để kích hoạt, bạn cần hai phần của mã kích hoạt: phần dưới đây, và phần được gửi qua SMS đến số điện thoại của bạn. Mã có hiệu lực trong 14 ngày. Không chuyển tiếp thư này cho bất kỳ ai.\n\n    ${half}`,
      en: `The signing account ${userID} was made for you. To activate it you need both parts of the activation code: this one (above), and the one that comes to your phone by SMS. They are good for 14 days. Do not forward this message to anybody.`,
    }),
  },
  'activation.sms': {
    needs: ['half'],
    sms: ({ half }) => `Kyso: phần thứ hai của mã kích hoạt tài khoản ký số: ${half}. Không đưa mã này cho người khác.`,
  },
  activated: {
    needs: ['name'],
    email: (v) => ({
      ...account('Tài khoản ký số đã được kích hoạt', 'Your signing account is active'),
      vi: `Tài khoản ký số của bạn đã được kích hoạt${at.vi(v)} với mã PIN và ứng dụng xác thực do bạn chọn. ${stranger.vi}`,
      en: `Your signing account was activated${at.en(v)}, with the PIN and the authenticator app that you chose. ${stranger.en}`,
    }),
  },
  oneTimeCode: {
    needs: ['name', 'code', 'minutes'],
    email: ({ code, minutes, client }) => ({
      ...account('Mã xác thực một lần', 'Your one-time code'),
      vi: `Mã xác thực để ký số của bạn${client ? ` (ứng dụng: ${client})` : ''}, có hiệu lực trong ${minutes} phút và chỉ dùng được một lần:\n\n    ${code}\n\nChỉ nhập mã này nếu chính bạn đang ký. ${stranger.vi}`,
      en: `The code above approves a signature of yours${client ? ` (application: ${client})` : ''}. It is good for ${minutes} minutes and can be used once. Enter it only if it is you who is signing. ${stranger.en}`,
    }),
  },
  signed: {
    needs: ['name', 'signatures', 'credential', 'time'],
    email: ({ signatures, credential, time, client }) => ({
      ...account('Khóa ký của bạn vừa được sử dụng', 'Your signing key was used'),
      vi: `Chứng thư số "${credential}" bắt đầu được dùng để ký lúc ${time}${client ? ` (ứng dụng: ${client})` : ''}, theo một lần xác nhận cho ${signatures} chữ ký. ${stranger.vi}`,
      en: `The certificate "${credential}" began to be used at ${time}${client ? ` (application: ${client})` : ''}, under one approval for ${signatures} signature(s). ${stranger.en}`,
    }),
  },
  pinChanged: {
    needs: ['name'],
    email: (v) => ({
      ...account('Mã PIN đã được thay đổi', 'Your PIN was changed'),
      vi: `Mã PIN của tài khoản ký số đã được thay đổi${at.vi(v)}. ${stranger.vi}`,
      en: `The PIN of your signing account was changed${at.en(v)}. ${stranger.en}`,
    }),
  },
  passwordChanged: {
    needs: ['name'],
    email: (v) => ({
      ...account('Mật khẩu đã được thay đổi', 'Your password was changed'),
      vi: `Mật khẩu đăng nhập của tài khoản ký số đã được thay đổi${at.vi(v)}; các phiên đăng nhập khác đã kết thúc. ${stranger.vi}`,
      en: `The login password of your signing account was changed${at.en(v)}; all other logins have ended. ${stranger.en}`,
    }),
  },
  pinLocked: {
    needs: ['name', 'until'],
    email: (v) => ({
      ...account('Mã PIN bị khóa', 'Your PIN is locked'),
      vi: `Mã PIN bị nhập sai nhiều lần liên tiếp nên đã bị khóa ${until.vi(v)}. ${stranger.vi}`,
      en: `The PIN was entered wrongly several times in a row and is locked ${until.en(v)}. ${stranger.en}`,
    }),
  },
  otpLocked: {
    needs: ['name', 'until'],
    email: (v) => ({
      ...account('Mã xác thực một lần bị khóa', 'Your one-time codes are locked'),
      vi: `Mã xác thực một lần bị nhập sai nhiều lần liên tiếp nên đã bị khóa ${until.vi(v)}. ${stranger.vi}`,
      en: `One-time codes were entered wrongly several times in a row and are locked ${until.en(v)}. ${stranger.en}`,
    }),
  },
  frozen: {
    needs: ['name'],
    email: (v) => ({
      ...account('Quyền ký số đã tạm khóa', 'Signing is frozen'),
      vi: `Quyền ký số của bạn đã được tạm khóa${at.vi(v)}. Chứng thư số vẫn còn hiệu lực. Bạn có thể mở lại bằng mã PIN và mã xác thực một lần.`,
      en: `Signing with your keys was frozen${at.en(v)}; your certificates stay valid. You can lift it with your PIN and a one-time code.`,
    }),
  },
  unfrozen: {
    needs: ['name'],
    email: (v) => ({
      ...account('Quyền ký số đã được mở lại', 'Signing works again'),
      vi: `Quyền ký số của bạn đã được mở lại${at.vi(v)}. ${stranger.vi}`,
      en: `The freeze of your signing keys was lifted${at.en(v)}. ${stranger.en}`,
    }),
  },
  totpMoveBegun: {
    needs: ['name'],
    email: () => ({
      ...account('Yêu cầu chuyển ứng dụng xác thực sang điện thoại mới', 'Your authenticator app is being moved'),
      vi: `Có yêu cầu chuyển ứng dụng xác thực của bạn sang điện thoại mới. Điện thoại cũ vẫn dùng được cho đến khi việc chuyển có hiệu lực. ${stranger.vi} Bạn cũng có thể hủy yêu cầu này.`,
      en: `Somebody asked to move your authenticator app to a new phone. The old one works until the move takes effect. ${stranger.en} You can also cancel it.`,
    }),
    sms: () => 'Kyso: có yêu cầu chuyển ứng dụng xác thực ký số sang điện thoại mới. Nếu không phải bạn, hãy hủy ngay.',
  },
  totpMoveConfirmed: {
    needs: ['name', 'effectiveAt'],
    email: ({ effectiveAt }) => ({
      ...account('Ứng dụng xác thực sẽ được chuyển', 'Your authenticator app will be moved'),
      vi: `Ứng dụng xác thực trên điện thoại mới sẽ có hiệu lực lúc ${effectiveAt}. Đến lúc đó điện thoại cũ vẫn dùng được. ${stranger.vi} Bạn có thể hủy trước thời điểm này.`,
      en: `The authenticator app on the new phone counts from ${effectiveAt}; until then the old one does. ${stranger.en} You can cancel it before that time.`,
    }),
    sms: ({ effectiveAt }) =>
      `Kyso: điện thoại mới sẽ thay ứng dụng xác thực cũ lúc ${effectiveAt}. Nếu không phải bạn, hãy hủy ngay.`,
  },
  totpMoveCancelled: {
    needs: ['name'],
    email: () => ({
      ...account('Đã hủy việc chuyển ứng dụng xác thực', 'The move of your authenticator app was cancelled'),
      vi: 'Việc chuyển ứng dụng xác thực sang điện thoại mới đã bị hủy. Điện thoại cũ vẫn dùng được như trước.',
      en: 'The move of your authenticator app to a new phone was cancelled. The old phone works as before.',
    }),
    sms: () => 'Kyso: đã hủy việc chuyển ứng dụng xác thực ký số. Điện thoại cũ vẫn dùng được như trước.',
  },
  totpMoved: {
    needs: ['name'],
    email: () => ({
      ...account('Ứng dụng xác thực đã được chuyển', 'Your authenticator app was moved'),
      vi: `Từ bây giờ chỉ mã xác thực trên điện thoại mới có hiệu lực. ${stranger.vi}`,
      en: `From now on only the codes of the new phone count. ${stranger.en}`,
    }),
    sms: () => 'Kyso: từ bây giờ chỉ mã xác thực trên điện thoại mới có hiệu lực.',
  },
};

/**
 * The message in words. An e-mail has both languages, Vietnamese first.
 * @throws KysoError requestInvalid — the template has no text for this channel, or lacks a value that it needs
 */
export function render({
  template,
  channel,
  values,
}: Pick<OutboundMessage, 'template' | 'channel' | 'values'>): Rendered {
  const { needs, email, sms } = templates[template];
  const clean = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, oneLine(value)]));
  const missing = needs.find((name) => !Object.hasOwn(clean, name) || clean[name] === '');
  if (missing) throw new KysoError('requestInvalid', `the message ${template} lacks ${missing}`);
  if (channel === 'sms') {
    if (!sms) throw new KysoError('requestInvalid', `the message ${template} has no SMS`);
    return { subject: '', text: sms(clean) };
  }
  if (!email) throw new KysoError('requestInvalid', `the message ${template} has no e-mail`);
  const { subject, vi, en } = email(clean);
  const { name = '' } = clean;
  const text = `Kính gửi ${name},\n\n${vi}\n\n--\n\nDear ${name},\n\n${en}\n\nKyso\n`;
  return { subject: `${subject.vi} / ${subject.en}`, text };
}

/** Values come from people: no line break, control or direction character of theirs shapes the message (S29). */
function oneLine(value: string): string {
  return value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}
