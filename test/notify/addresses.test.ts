import t from 'tap';
import { Compile } from 'typebox/compile';
import { systemClock } from '../../src/base/clock.ts';
import { SandboxLine } from '../../src/ipc/line.ts';
import { createOutbox } from '../../src/notify/outbox.ts';
import { encodeName } from '../../src/pki/names.ts';
import { notifyDomain } from '../../src/store/notify/tables.ts';
import { openStore } from '../../src/store/open-store.ts';
import { refused } from '../helpers/refused.ts';

const emails = {
  good: ['a@b.vn', 'bs.anh@songhong.example.vn', "o'neil+x_y@a-b.vn", `${'a'.repeat(64)}@b.vn`],
  bad: [
    'a..b@c.vn',
    '.a@c.vn',
    'a.@c.vn',
    'a@b',
    'a b@c.vn',
    'a@b.vn,c@d.vn',
    '<a@b.vn>',
    'ánh@b.vn',
    'a@b..vn',
    'a@b.vn\n',
  ],
};
const phones = {
  good: ['+84900000001', '+1234567'],
  bad: ['0900000001', '84900000001', '+0900000001', '+84 900', '+84900000001\n'],
};

t.test('S87: an address that ca takes for a person is one that notify delivers to, and no other', async (t) => {
  const store = await openStore(notifyDomain, { engine: 'sqlite', file: `${t.testdir()}/store.db` });
  t.teardown(() => store.close());
  const outbox = createOutbox({ store, secret: Buffer.alloc(32, 1), clock: systemClock });
  const line = Compile(SandboxLine);
  const subject = { commonName: 'x', organisation: 'x', organisationalUnits: [] };
  const person = { userID: 'x', name: 'x', email: 'a@b.vn', phone: '+84900000001', keyType: 'EC-P256', otp: 'totp' };
  const takes = (changes: object) => line.Check({ ...person, serial: 1, subject, ...changes });
  let number = 0;
  const post = (channel: 'email' | 'sms', to: string) => {
    number += 1;
    const values = { name: 'x', userID: 'x', half: 'x' };
    const template = channel === 'email' ? ('activation.email' as const) : ('activation.sms' as const);
    const expiresAt = systemClock.now() + 60_000;
    return outbox.post([{ id: `m${number}`, channel, to, template, values, expiresAt }]);
  };
  for (const email of emails.good) {
    t.ok(takes({ email }), email);
    await t.resolves(post('email', email), email);
    t.ok(encodeName({ commonName: 'x', organisation: 'x', organisationalUnits: [], country: 'VN', email }));
  }
  for (const email of emails.bad) {
    t.notOk(takes({ email }), JSON.stringify(email));
    await t.rejects(post('email', email), refused('requestInvalid'));
    const name = { commonName: 'x', organisation: 'x', organisationalUnits: [], country: 'VN', email } as const;
    t.throws(() => encodeName(name), refused('nameRefused'), JSON.stringify(email));
  }
  for (const phone of phones.good) {
    t.ok(takes({ phone }), phone);
    await t.resolves(post('sms', phone), phone);
  }
  for (const phone of phones.bad) {
    t.notOk(takes({ phone }), JSON.stringify(phone));
    await t.rejects(post('sms', phone), refused('requestInvalid'));
  }
});
