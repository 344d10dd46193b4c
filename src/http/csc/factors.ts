import type { Lang, Texts } from '../lang.ts';

const pinLabel: Texts = { 'en-US': 'PIN', 'vi-VN': 'Mã PIN' };
const pinDescription: Texts = {
  'en-US': 'The PIN that you chose when you activated your signing account',
  'vi-VN': 'Mã PIN bạn đã chọn khi kích hoạt tài khoản ký số',
};
const otpLabel: Texts = { 'en-US': 'One-time code', 'vi-VN': 'Mã xác thực một lần' };
/** How a credential's codes reach its holder: made by the own device, or sent by `credentials/sendOTP`. */
const ways = {
  totp: {
    ...{ type: 'offline', ID: 'totp', provider: 'totp' },
    description: {
      'en-US': 'The six digits that your authenticator application shows now',
      'vi-VN': 'Sáu chữ số đang hiển thị trên ứng dụng xác thực của bạn',
    } satisfies Texts,
  },
  email: {
    ...{ type: 'online', ID: 'email', provider: 'email' },
    description: {
      'en-US': 'The six digits that were sent to your official e-mail',
      'vi-VN': 'Sáu chữ số được gửi đến thư điện tử công vụ của bạn',
    } satisfies Texts,
  },
} as const;

/** The PIN descriptor of CSC v1 §11.5; presence is a string there. Its length is deliberately not disclosed. */
export const pinObject = (lang: Lang) => ({
  presence: 'true',
  format: 'A',
  label: pinLabel[lang],
  description: pinDescription[lang],
});

/** The OTP descriptor of CSC v1 §11.5. */
export function otpObject(otp: keyof typeof ways, lang: Lang): object {
  const { type, ID, provider, description } = ways[otp];
  const texts = { label: otpLabel[lang], description: description[lang] };
  return { presence: 'true', type, format: 'N', ID, provider, ...texts };
}
