import Type from 'typebox';
import { langOf, type Texts } from '../lang.ts';
import { logoPath } from '../logo.ts';
import { lang as langField } from './fields.ts';
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
  docs: {
    summary: 'What this service is and can do',
    answer: Type.Object({
      specs: Type.String(),
      name: Type.String({ maxLength: 255 }),
      logo: Type.String(),
      region: Type.String({ pattern: '^[A-Z]{2}$' }),
      lang: Type.String(),
      description: Type.String({ maxLength: 255 }),
      authType: Type.Array(Type.String()),
      methods: Type.Array(Type.String()),
    }),
    example: {
      request: { lang: 'vi' },
      answer: {
        specs,
        name: 'Kyso',
        logo: 'https://sign.example.vn/logo.png',
        region: 'VN',
        lang: 'vi-VN',
        description: description['vi-VN'],
        authType: ['basic'],
        methods: ['info', 'auth/login', 'credentials/list', 'signatures/signHash'],
      },
    },
  },
  authentication: 'none',
  body: Type.Object({ lang: langField }),
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
