import t from 'tap';
import { type ErrorKind, KysoError } from '../../src/base/errors.ts';
import { basic, lan, post, startApi } from './helpers.ts';

const halves = { userID: 'hoa.tran', emailHalf: 'EMAIL-HALF', smsHalf: 'SMS-HALF' };
const complete = { ...halves, password: 'một mật khẩu dài', pin: 'mã-pin-bí-mật', otp: '123456' };

t.test('activation: begin, complete, log in', async (t) => {
  const { app, signer } = await startApi(t);
  const secret = { totpSecret: 'JBSWY3DPEHPK3PXP', otpauthUri: 'otpauth://totp/Kyso:hoa.tran?secret=JBSWY3DPEHPK3PXP' };
  signer.script['activation.begin'] = () => secret;
  const begun = await post(app, '/subscriber/v1/activation/begin', halves);
  t.same(begun.json(), secret);
  t.equal(begun.headers['cache-control'], 'no-store');
  t.match(signer.calls.at(-1)?.params, { userID: 'hoa.tran', halves: { email: 'EMAIL-HALF', sms: 'SMS-HALF' } });

  signer.script['activation.complete'] = () => ({ subscriber: 'sub-hoa' });
  const done = await post(app, '/subscriber/v1/activation/complete', complete);
  t.equal(done.statusCode, 204);
  t.equal(done.body, '');
  t.match(signer.calls.at(-1)?.params, {
    halves: { email: 'EMAIL-HALF', sms: 'SMS-HALF' },
    pin: complete.pin,
    otp: '123456',
  });
  t.notOk(JSON.stringify(signer.calls).includes(complete.password), 'signer never sees the login password');
  const login = (password: string) => post(app, '/csc/v1/auth/login', {}, basic('hoa.tran', password));
  t.equal((await login(complete.password)).statusCode, 200);

  t.equal((await post(app, '/subscriber/v1/activation/complete', complete)).statusCode, 204, 'repeated after a crash');
  const changed = { ...complete, password: 'một mật khẩu khác' };
  t.equal((await post(app, '/subscriber/v1/activation/complete', changed)).statusCode, 204);
  t.equal((await login(changed.password)).statusCode, 200, 'a new password where signer accepted the factors again');
});

t.test('nothing is stored unless signer accepted', async (t) => {
  const { app, signer } = await startApi(t);
  const rows: [ErrorKind, number, string][] = [
    ['activationInvalid', 400, 'activation_invalid'],
    ['pinRefused', 400, 'pin_refused'],
    ['pinInvalid', 400, 'invalid_pin'],
    ['otpInvalid', 400, 'invalid_otp'],
    ['otpLocked', 400, 'locked'],
    ['pinLocked', 400, 'locked'],
    ['requestInvalid', 400, 'invalid_request'],
    ['unavailable', 503, 'temporarily_unavailable'],
    ['feedStale', 503, 'temporarily_unavailable'],
    ['integrity', 500, 'server_error'],
    ['internal', 500, 'server_error'],
  ];
  for (const [kind, status, error] of rows) {
    signer.script['activation.complete'] = () => {
      throw new KysoError(kind, 'marker-message');
    };
    const answer = await post(app, '/subscriber/v1/activation/complete', { ...complete, userID: lan.userID });
    t.equal(answer.statusCode, status, kind);
    const body = answer.json();
    t.equal(body.error, error);
    t.ok(body.error_description.vi.length > 10 && body.error_description.en.length > 10, 'in both languages');
    t.notMatch(answer.body, 'marker-message');
  }
  const login = await post(app, '/csc/v1/auth/login', {}, basic(lan.userID, lan.password));
  t.equal(login.statusCode, 200, 'the old password still stands');
});

t.test('a user ID of somebody else is never taken over', async (t) => {
  const { app, signer } = await startApi(t);
  signer.script['activation.complete'] = () => ({ subscriber: 'sub-somebody-else' });
  const answer = await post(app, '/subscriber/v1/activation/complete', { ...complete, userID: lan.userID });
  t.equal(answer.statusCode, 500);
  t.equal((await post(app, '/csc/v1/auth/login', {}, basic(lan.userID, lan.password))).statusCode, 200);
});

t.test('passwords: 10 to 256 characters, not the PIN, not the user ID', async (t) => {
  const { app, signer } = await startApi(t);
  signer.script['activation.complete'] = () => ({ subscriber: 'sub-hoa' });
  const send = (changes: object) => post(app, '/subscriber/v1/activation/complete', { ...complete, ...changes });
  const refused = [
    { password: '' },
    { password: '123456789' },
    { password: 'ệ'.normalize('NFD').repeat(9) },
    { password: 'x'.repeat(257) },
    { password: complete.pin },
    { password: complete.pin.toUpperCase().normalize('NFD') },
    { password: 'hoa.tran@truong', userID: 'hoa.tran@truong' },
  ];
  for (const changes of refused)
    t.equal((await send(changes)).json().error, 'password_refused', JSON.stringify(changes).slice(0, 60));
  t.equal(signer.calls.length, 0, 'before signer spends anything on it');
  for (const password of ['x'.repeat(10), '𝄞'.repeat(256)]) t.equal((await send({ password })).statusCode, 204);
});

t.test('strict: unknown members, missing members and other types are refused', async (t) => {
  const { app, signer } = await startApi(t);
  const bad = [
    { ...halves, extra: 1 },
    { ...halves, emailHalf: undefined },
    { ...halves, smsHalf: null },
    { ...halves, userID: 5 },
    { ...halves, userID: '' },
    { ...halves, emailHalf: 'x'.repeat(65) },
    [],
    'text',
  ];
  for (const body of bad) {
    const answer = await post(app, '/subscriber/v1/activation/begin', typeof body === 'string' ? '"text"' : body);
    t.equal(answer.statusCode, 400, JSON.stringify(body));
    t.equal(answer.json().error, 'invalid_request');
  }
  t.equal((await app.inject({ method: 'POST', url: '/subscriber/v1/activation/begin' })).statusCode, 400, 'no body');
  const inUrl = '/subscriber/v1/activation/begin?userID=hoa.tran&emailHalf=a&smsHalf=b';
  t.equal((await app.inject({ method: 'GET', url: inUrl })).statusCode, 404, 'no GET consumes a half');
  t.equal(signer.calls.length, 0);
});
