import t from 'tap';
import { type TemplateName, templateNames } from '../../src/ipc/notify-contract.ts';
import { measureSms, withoutDiacritics } from '../../src/notify/sms-text.ts';
import { render } from '../../src/notify/templates.ts';
import { refused } from '../helpers/refused.ts';

/** What signer sends with each template. */
const usual: Record<TemplateName, Record<string, string>> = {
  'activation.email': { userID: 'bs.anh', half: '7G4K-M2QX-9TBE-4ZZZ-7G4K-M2QX-97' },
  'activation.sms': { userID: 'bs.anh', half: '7G4K-M2QX-9TBE-4' },
  activated: { userID: 'bs.anh' },
  oneTimeCode: { code: '012345', minutes: '5', client: 'direct' },
  signed: { signatures: '3', credential: 'NGUYỄN THỊ ÁNH', client: 'direct', time: '09:05:00 24/11/2026' },
  pinChanged: {},
  passwordChanged: {},
  pinLocked: { until: '09:05:00 24/11/2026' },
  otpLocked: { until: '09:05:00 24/11/2026' },
  frozen: {},
  unfrozen: {},
  totpMoveBegun: { effectiveAt: '09:05:00 24/11/2026' },
  totpMoveConfirmed: { effectiveAt: '09:05:00 24/11/2026' },
  totpMoveCancelled: {},
  totpMoved: {},
};
const bySms: TemplateName[] = [
  'activation.sms',
  'totpMoveBegun',
  'totpMoveConfirmed',
  'totpMoveCancelled',
  'totpMoved',
];
const name = 'Nguyễn Thị Ánh';
const time = '09:05:00 24/11/2026';

t.test('every message says what it must in Vietnamese, then in English', async (t) => {
  for (const template of templateNames.filter((one) => one !== 'activation.sms')) {
    const values = { name, ...usual[template] };
    const { subject, text } = render({ template, channel: 'email', values });
    const [vi = '', en = ''] = text.split('\n--\n');
    t.match(subject, /^Kyso: [^/]*[à-ỹ][^/]* \/ [ -~]+$/, template);
    t.match(vi, new RegExp(`^Kính gửi ${name},\n`), template);
    t.match(en, new RegExp(`Dear ${name},\n`), template);
    t.notMatch(en.replaceAll(name, '').replaceAll('NGUYỄN THỊ ÁNH', ''), /[^\n -~]/, `${template}: English is English`);
    t.notMatch(text, /undefined|null|\[object|NaN/, template);
    const said = ['activated', 'totpMoveBegun'].includes(template) ? [] : Object.entries(usual[template]);
    for (const [value, content] of said) t.ok(text.includes(content), `${template} says ${value}`);
  }
});

t.test('S87: an SMS fits one part of GSM-7 without diacritics', async (t) => {
  for (const template of bySms) {
    const { subject, text } = render({ template, channel: 'sms', values: { name, ...usual[template] } });
    t.equal(subject, '');
    t.same(measureSms(withoutDiacritics(text)), { encoding: 'GSM-7', segments: 1 }, `${template}: ${text.length}`);
    t.ok(text === text.normalize('NFC') && measureSms(text).encoding === 'UCS-2', 'and has them where they may stay');
  }
  t.match(
    render({ template: 'activation.sms', channel: 'sms', values: usual['activation.sms'] }).text,
    /7G4K-M2QX-9TBE-4\b/,
  );
});

t.test('times are told where signer knows them', async (t) => {
  for (const template of ['activated', 'pinChanged', 'passwordChanged', 'frozen', 'unfrozen'] as const) {
    const { text } = render({ template, channel: 'email', values: { name, time, more: 'than needed' } });
    t.match(text, / lúc 09:05:00 24\/11\/2026.* at 09:05:00 24\/11\/2026/s, template);
    t.notMatch(text, /than needed/);
  }
  const forGood = render({ template: 'pinLocked', channel: 'email', values: { name, until: 'for good' } }).text;
  t.match(forGood, /đã bị khóa vĩnh viễn\..*is locked for good\./s);
  t.equal(forGood.match(/for good/g)?.length, 1, 'no English in the Vietnamese part');
});

t.test('a value that is missing, empty or nothing but control characters is an error', async (t) => {
  for (const template of templateNames) {
    const channel = template === 'activation.sms' ? 'sms' : 'email';
    const values: Record<string, string> = { name, ...usual[template] };
    const optional = ['client', 'userID', 'effectiveAt'];
    const needed =
      template === 'activation.sms' ? ['half'] : Object.keys(values).filter((one) => !optional.includes(one));
    for (const missing of needed) {
      for (const nothing of ['', ' ', '\r\n\t', '\u202e\u2028']) {
        const lacking = { ...values, [missing]: nothing };
        t.throws(
          () => render({ template, channel, values: lacking }),
          refused('requestInvalid'),
          `${template} ${missing}`,
        );
      }
      const { [missing]: _, ...without } = values;
      t.throws(() => render({ template, channel, values: without }), refused('requestInvalid'));
    }
  }
  const emailOnly = templateNames.filter((one) => !bySms.includes(one));
  for (const template of emailOnly) {
    const values = { name, ...usual[template] };
    t.throws(() => render({ template, channel: 'sms', values }), refused('requestInvalid'), `${template} has no SMS`);
  }
  t.throws(
    () => render({ template: 'activation.sms', channel: 'email', values: { half: 'x' } }),
    refused('requestInvalid'),
  );
});

t.test('no message but the ones that deliver them holds a secret, even when the sender gives one', async (t) => {
  const secrets = { half: 'MARKER-HALF', code: 'MARKER-CODE' };
  for (const template of templateNames) {
    for (const channel of ['email', 'sms'] as const) {
      if (channel === 'sms' ? !bySms.includes(template) : template === 'activation.sms') continue;
      const { subject, text } = render({ template, channel, values: { name, ...usual[template], ...secrets } });
      t.notMatch(subject, /MARKER/, 'never in a subject, which telephones show while they are locked');
      if (template === 'oneTimeCode') t.notMatch(text, /MARKER-HALF/);
      else if (template.startsWith('activation.')) t.notMatch(text, /MARKER-CODE/);
      else t.notMatch(text, /MARKER/, template);
    }
  }
});

t.test('S29: values stay on their line', async (t) => {
  const values = { name: 'Lan\r\n\r\nDear victim,\u2028\u0085\u0000', ...usual.signed, client: 'a\u001b[31m\u202eb' };
  const { text } = render({ template: 'signed', channel: 'email', values });
  t.match(text, /^Kính gửi Lan Dear victim,,\n/);
  t.match(text, /\(ứng dụng: a \[31m b\)/);
  t.notMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
});
