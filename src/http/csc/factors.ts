import type { Lang, Texts } from '../lang.ts';

const pinLabel: Texts = { 'en-US': 'PIN', 'vi-VN': 'Mã PIN' };
const pinDescription: Texts = {
  'en-US': 'The PIN that you chose when you activated your signing account',
  'vi-VN': 'Mã PIN bạn đã chọn khi kích hoạt tài khoản ký số',
};
const otpLabel: Texts = { 'en-US': 'One-time code', 'vi-VN': 'Mã xác thực một lần' };
const otpDescription: Texts = {
  'en-US': 'The six digits that your authenticator application shows now',
  'vi-VN': 'Sáu chữ số đang hiển thị trên ứng dụng xác thực của bạn',
};

/** The PIN descriptor of CSC v1 §11.5; presence is a string there. Its length is deliberately not disclosed. */
export const pinObject = (lang: Lang) => ({
  presence: 'true',
  format: 'A',
  label: pinLabel[lang],
  description: pinDescription[lang],
});

/** The OTP descriptor of CSC v1 §11.5 for a code that the holder's own device makes. */
export const otpObject = (lang: Lang) => ({
  presence: 'true',
  type: 'offline',
  format: 'N',
  ID: 'totp',
  provider: 'totp',
  label: otpLabel[lang],
  description: otpDescription[lang],
});
