import Type from 'typebox';
import { langOf, type Texts } from '../lang.ts';
import { logoPath } from '../logo.ts';
import { defineMethod, invalid } from './method.ts';

/** The version that we serve; the text of v1.0.4.0 itself prints a stale `1.0.3.0`. */
const specs = '1.0.4.0';

const description: Texts = {
  'en-US': 'Remote signing: keys stay with a cryptographic token, their holders approve each signature.',
  'vi-VN': 'Ký số từ xa: khóa ký được giữ trong mô-đun mật mã, chủ khóa chấp thuận từng lần ký.',
};

/** CSC v1 §11.1 `info`: what this service is and can do. */
export const info = defineMethod({
  name: 'info',
  authentication: 'none',
  body: Type.Object({ lang: Type.Optional(Type.String()) }),
  rows: [invalid('lang')],
  async handle({ config, methods }, body) {
    const lang = langOf(body.lang);
    return {
      specs,
      name: config.name,
      logo: config.publicUrl + logoPath,
      region: 'VN',
      lang,
      description: description[lang],
      authType: ['basic'],
      methods,
    };
  },
});
