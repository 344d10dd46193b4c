import t from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { refused } from '../helpers/refused.ts';
import { codeAt, randomHashes, signerToken } from '../helpers/signer.ts';
import {
  activate,
  activated,
  inProcess,
  kyso,
  onTerminal,
  operatorAt,
  password,
  pin,
  seedIn,
  setUp,
} from '../helpers/subscriber.ts';

t.test('kyso subscriber', async (t) => {
  const token = await signerToken(t);

  await t.test('a whole life: activate, status, PIN, freeze, unfreeze, password, history', async (t) => {
    const { world, person, where, run } = await setUp(t, token);
    const done = await activate(person, where);
    t.equal(done.status, 0, done.stderr);
    t.match(done.stdout, /otpauth:\/\/totp\/.*secret=[A-Z2-7]{32}/);
    t.match(done.stdout, 'đã được kích hoạt');

    const status = async () => (await run('status')).stdout;
    t.match(await status(), new RegExp(`^${person.userID}  Nguyễn Thị Ánh\n.*active\n.*not locked\n.*not locked\n$`));

    const newPin = 'một-mã-pin-khác-9';
    t.match(await run('pin', pin, newPin), { status: 0, stdout: /PIN was changed/ });
    person.pin = newPin;
    const [hash] = randomHashes(1);
    const sad = await person.authorize([hash!]);
    await world.advance(1000);
    await person.signHash(sad, [hash!]);
    await world.advance(1000);

    t.match(await run('freeze'), { status: 0, stdout: /kyso subscriber unfreeze/ });
    t.match(await status(), 'frozen');
    await t.rejects(person.authorize([hash!], { otp: '000000' }), refused('credentialDisabled'));
    t.match(await run('unfreeze', await person.nextCode(), newPin), { status: 0, stdout: /works again/ });
    t.match(await status(), 'active');

    const newPassword = 'hoa-sen-trắng-2026';
    await world.advance(1000);
    t.match(await run('password', newPassword), { status: 0 });
    t.match(await run('status'), { status: 1, stderr: /login|đăng nhập/i }, 'the old password is dead');
    const history = await kyso(['subscriber', 'history', '--limit', '5', ...where], [newPassword]);
    t.equal(history.status, 0, history.stderr);
    const lines = history.stdout.trim().split('\n');
    const signed = /^10:00:41 2\/11\/2026 .*signed · 1 .* direct /;
    t.match(lines.slice(0, 5), [/password changed/, /unfrozen/, /frozen/, signed, /approved/]);
    const before = /--before (\w+)/.exec(lines[5] ?? '')?.[1];
    const [, url = '', ...who] = where;
    const csc = await inProcess(['status', '--url', `${url}/csc/v1/`, ...who], [newPassword]);
    t.equal(csc.status, 0, 'the address that kyso sign takes is good, too');
    const rest = await inProcess(['history', '--before', before!, ...where], [newPassword]);
    t.match(rest.stdout, /PIN changed/);
    t.notMatch(rest.stdout, '--before', 'that was the end');
  });

  await t.test('S47: a new phone: attested by the operator, begun, confirmed, cancelled', async (t) => {
    const { world, person, run } = await activated(t, token);
    t.match(await run('totp begin', pin), { status: 1, stderr: /organisation has to attest/ });

    const attest = await operatorAt(t, world);
    t.match(await attest('nobody', '--by', 'Phòng Tổ chức'), { status: 1, stderr: /no subscriber nobody/ });
    t.match(await attest(person.userID), { status: 1, stderr: /--by WHO/ });
    t.match(await attest(person.userID, '--by', 'Phòng Tổ chức'), { status: 0, stdout: /new phone until/ });
    t.match((await run('status')).stdout, 'new phone allowed until');

    const begin = async () => seedIn((await run('totp begin', pin)).stdout);
    await begin();
    t.match(await run('totp cancel'), { status: 0, stdout: /cancelled/ });
    t.match(await run('totp cancel'), { status: 1, stderr: /no move/ });

    await attest(person.userID, '--by', 'Phòng Tổ chức');
    const seed = await begin();
    t.match(await run('totp confirm', '12345a'), { status: 1, stderr: /one-time code is wrong/ });
    t.match(await run('totp confirm', codeAt(seed, world.clock.now())), { status: 0, stdout: /counts from/ });
    t.match((await run('status')).stdout, 'new phone counts from');
    await world.advance(24 * 3_600_000);
    await upkeep(world.signer);
    person.totpSecret = seed;
    await run('freeze');
    t.match(await run('unfreeze', await person.nextCode(), pin), { status: 0 }, 'the new app counts');
  });

  await t.test(
    'S4: on a terminal secrets are not shown, new ones are asked twice, and a QR code is drawn',
    async (t) => {
      const { person, where, world } = await setUp(t, token);
      const { email, sms } = person.halves;
      const code = () => person.code();
      const screen = await onTerminal(
        t,
        ['subscriber', 'activate', ...where],
        [
          ['Part from the e-mail', () => email],
          ['Part from the SMS', () => sms],
          ['New password:', () => password],
          ['New password (again)', () => `${password}x`],
          ['not the same', undefined],
          ['New password:', () => password],
          ['New password (again)', () => password],
          ['New PIN:', () => '12345678'],
          ['New PIN (again)', () => '12345678'],
          ['One-time code', code],
          ['The PIN needs 8', undefined],
          ['New password:', () => password],
          ['New password (again)', () => password],
          ['New PIN:', () => pin],
          ['New PIN (again)', () => pin],
          ['One-time code', code],
          ['signing account is active', undefined],
        ],
        (text) => {
          person.totpSecret = seedIn(text);
        },
      );
      t.equal(screen.status, 0, screen.screen);
      for (const secret of [email, sms, password, pin, '12345678']) t.notMatch(screen.screen, secret);
      t.match(screen.screen, /[█▀▄]{20}/, 'the QR code');
      t.match(await world.call('account.status', { subscriber: person.subscriber }), { status: 'active' });
    },
  );
});
