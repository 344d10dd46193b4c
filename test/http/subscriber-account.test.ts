import type { FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import { type ErrorKind, KysoError } from '../../src/base/errors.ts';
import { routes } from '../../src/http/subscriber/routes.ts';
import { basic, lan, post, startApi, startOfTests } from './helpers.ts';

const base = '/subscriber/v1';
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const loginAt = (app: FastifyInstance, password = lan.password, userID = lan.userID) =>
  post(app, `${base}/login`, { userID, password });

/** An API in which Lan is logged in to her own account. */
async function open(t: Test) {
  const sandbox = await startApi(t);
  const { app, signer } = sandbox;
  const own: string = (await loginAt(app)).json().access_token;
  signer.calls.length = 0;
  return {
    ...{ ...sandbox, own },
    send: (url: string, body: unknown = {}, token = own) => post(app, `${base}${url}`, body, bearer(token)),
    get: (url: string, token = own) => app.inject({ method: 'GET', url: `${base}${url}`, headers: bearer(token) }),
  };
}

const status = {
  ...{ userID: lan.userID, name: 'Nguyễn Thị Lan', status: 'active' as const },
  ...{ pinLockedUntil: 0, otpLockedUntil: 0, totpMove: { expiresAt: startOfTests } },
};

t.test('login: a token of an hour for the own account; wrong, unknown and locked are one answer (S44)', async (t) => {
  const { app } = await startApi(t);
  const right = await loginAt(app);
  t.equal(right.statusCode, 200);
  t.match(right.json(), { access_token: /^[\w-]+\.[\w-]+\.[\w-]+$/, expires_in: 3600 });
  t.equal(right.headers['cache-control'], 'no-store');
  const wrong = await loginAt(app, 'wrong password');
  t.equal(wrong.statusCode, 400);
  t.equal(wrong.json().error, 'login_invalid');
  const unknown = await loginAt(app, lan.password, 'nobody');
  for (let n = 0; n < 5; n += 1) await loginAt(app, 'wrong password');
  const locked = await loginAt(app);
  for (const answer of [unknown, locked]) t.equal(answer.body, wrong.body);
});

t.test('S32: every route says who may call it, and those of an account want a token', async (t) => {
  const { app, signer } = await open(t);
  const open_ = routes.filter(({ authentication }) => authentication !== 'bearer').map(({ url }) => url);
  t.same(open_.sort(), ['/activation/begin', '/activation/complete', '/login']);
  for (const { method, url, authentication } of routes) {
    if (authentication !== 'bearer') continue;
    for (const authorization of [
      undefined,
      'Bearer',
      'Bearer x y',
      'Bearer abc',
      basic(lan.userID, lan.password).authorization,
    ]) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await app.inject({ method, url: `${base}${url}`, headers });
      t.equal(answer.statusCode, 401, `${url} with ${authorization}`);
      t.equal(answer.json().error, 'invalid_token');
      t.match(answer.headers['www-authenticate'], /^Bearer /);
    }
  }
  t.same(signer.calls, [], 'and signer hears of nothing');
});

t.test('S35: tokens of CSC open nothing here, and those of the account nothing of CSC', async (t) => {
  const { app, own, token, signer, csc } = await open(t);
  for (const { method, url, authentication } of routes) {
    if (authentication !== 'bearer') continue;
    const answer = await app.inject({ method, url: `${base}${url}`, headers: bearer(token) });
    t.equal(answer.statusCode, 401, url);
  }
  for (const method of [
    'credentials/list',
    'credentials/info',
    'credentials/authorize',
    'signatures/signHash',
    'auth/revoke',
  ]) {
    const answer = await csc(method, { credentialID: 'c', token: own }, bearer(own));
    t.equal(answer.statusCode, 401, method);
  }
  t.same(signer.calls, []);
});

t.test('logout ends this login, and no other', async (t) => {
  const { app, signer, own, send, get, csc } = await open(t);
  signer.script['account.status'] = () => status;
  signer.script['credentials.list'] = () => ({ credentialIDs: [], more: false });
  const second = (await loginAt(app)).json().access_token;
  const answer = await send('/logout');
  t.equal(answer.statusCode, 204);
  t.equal(answer.body, '');
  t.equal((await get('/account', own)).statusCode, 401);
  t.equal((await get('/account', second)).statusCode, 200);
  t.equal((await csc('credentials/list', {})).statusCode, 200);
});

t.test('a login ends after an hour', async (t) => {
  const { signer, get, clock } = await open(t);
  signer.script['account.status'] = () => status;
  clock.set(startOfTests + 3_599_000);
  t.equal((await get('/account')).statusCode, 200);
  clock.set(startOfTests + 3_600_000);
  t.equal((await get('/account')).statusCode, 401);
});

t.test('a new password: the old one is the proof, and all logins end', async (t) => {
  const { app, own, send, get, csc, signer } = await open(t);
  let told = 0;
  signer.script['account.passwordChange'] = ({ subscriber }) => {
    t.equal(subscriber, lan.subscriber);
    told += 1;
    return {};
  };
  const change = (oldPassword: string, newPassword: string) => send('/password', { oldPassword, newPassword });
  const newPassword = 'hoa-sen-trắng-2026';
  t.equal((await change('wrong password', newPassword)).json().error, 'login_invalid');
  for (const bad of ['short', lan.password, 'x'.repeat(257)])
    t.equal((await change(lan.password, bad)).json().error, 'password_refused', bad.slice(0, 10));
  t.equal(told, 0, 'of what did not happen nobody is told');
  const tell = signer.script['account.passwordChange'];
  signer.script['account.passwordChange'] = () => {
    throw new KysoError('unavailable');
  };
  t.equal((await change(lan.password, newPassword)).statusCode, 503, 'S47: no change that the holder is not told of');
  t.equal((await loginAt(app)).statusCode, 200, 'the old password still is the one');
  signer.script['account.passwordChange'] = tell;
  t.equal((await change(lan.password, newPassword)).statusCode, 204);
  t.equal(told, 1);
  t.equal((await get('/account', own)).statusCode, 401, 'this login');
  t.equal((await csc('credentials/list', {})).statusCode, 401, 'and that of CSC');
  t.equal((await loginAt(app)).json().error, 'login_invalid');
  t.equal((await loginAt(app, newPassword)).statusCode, 200);
});

t.test('each route asks signer about the person of the token, and of nobody else', async (t) => {
  const { signer, send, get } = await open(t);
  const { subscriber } = lan;
  const begun = { totpSecret: 'JBSWY3DPEHPK3PXP', otpauthUri: 'otpauth://totp/Kyso:lan?secret=JBSWY3DPEHPK3PXP' };
  const page = {
    entries: [{ at: startOfTests, event: 'sign', result: 'done' as const, client: 'direct', signatures: 2 }],
    before: '0'.repeat(32),
  };
  Object.assign(signer.script, {
    'account.status': () => status,
    'account.changePin': () => ({}),
    'account.freeze': () => ({}),
    'account.unfreeze': () => ({}),
    'account.history': () => page,
    'totpMove.begin': () => begun,
    'totpMove.confirm': () => ({ effectiveAt: startOfTests }),
    'totpMove.cancel': () => ({}),
  });
  const request = /^[\w-]{22}$/;
  const before = 'a'.repeat(32);
  const rows = [
    [() => get('/account'), 'account.status', { subscriber }, status],
    [
      () => send('/pin', { pin: 'cũ-2026-bí-mật', newPin: 'mới-2026-bí-mật' }),
      'account.changePin',
      { subscriber, pin: 'cũ-2026-bí-mật', newPin: 'mới-2026-bí-mật', request },
      undefined,
    ],
    [() => send('/freeze'), 'account.freeze', { subscriber, request }, undefined],
    [
      () => send('/unfreeze', { pin: 'p', otp: '123456' }),
      'account.unfreeze',
      { subscriber, pin: 'p', otp: '123456', request },
      undefined,
    ],
    [() => get('/history'), 'account.history', { subscriber, limit: 20 }, page],
    [() => get(`/history?limit=100&before=${before}`), 'account.history', { subscriber, limit: 100, before }, page],
    [() => send('/totp/begin', { pin: 'p' }), 'totpMove.begin', { subscriber, pin: 'p', request }, begun],
    [
      () => send('/totp/confirm', { otp: '123456' }),
      'totpMove.confirm',
      { subscriber, otp: '123456', request },
      { effectiveAt: startOfTests },
    ],
    [() => send('/totp/cancel'), 'totpMove.cancel', { subscriber, request }, undefined],
  ] as const;
  for (const [call, method, params, expected] of rows) {
    const answer = await call();
    t.equal(answer.statusCode, expected === undefined ? 204 : 200, method);
    t.same(answer.body === '' ? undefined : answer.json(), expected);
    t.equal(answer.headers['cache-control'], 'no-store', 'S31');
    const last = signer.calls.at(-1);
    t.equal(last?.method, method);
    t.match(last?.params, params);
    t.same(Object.keys(last?.params as object).sort(), Object.keys(params).sort());
  }
});

t.test('S21: unknown, missing and wrong members and parameters are refused before signer hears of them', async (t) => {
  const { app, signer, send, get, own } = await open(t);
  const bodies: [string, unknown][] = [
    ['/freeze', { subscriber: 'sub-other' }],
    ['/freeze', []],
    ['/logout', { all: true }],
    ['/pin', { pin: 'p' }],
    ['/pin', { pin: 'p', newPin: 5 }],
    ['/pin', { pin: '', newPin: 'p' }],
    ['/pin', { pin: 'p', newPin: 'x'.repeat(257) }],
    ['/pin', { pin: 'p', newPin: 'q', subscriber: 'sub-other' }],
    ['/unfreeze', { pin: 'p' }],
    ['/unfreeze', { pin: 'p', otp: 123_456 }],
    ['/unfreeze', { pin: 'p', otp: '1'.repeat(17) }],
    ['/totp/begin', {}],
    ['/totp/confirm', { otp: '' }],
    ['/totp/cancel', { otp: '123456' }],
    ['/password', { oldPassword: 'a' }],
    ['/password', { oldPassword: 'a', newPassword: null }],
    ['/login', { userID: lan.userID }],
    ['/login', { userID: lan.userID, password: 'x'.repeat(1025) }],
    ['/login', { userID: lan.userID, password: lan.password, scope: 'csc' }],
  ];
  for (const [url, body] of bodies) {
    const answer = await send(url, body);
    t.equal(answer.statusCode, 400, `${url} ${JSON.stringify(body).slice(0, 60)}`);
    t.equal(answer.json().error, 'invalid_request');
  }
  const queries = ['limit=0', 'limit=101', 'limit=', 'limit=1.5', 'limit=1&limit=2', 'before=', 'before=xyz', 'all=1'];
  for (const query of [...queries, `before=${'A'.repeat(32)}`, 'subscriber=sub-other'])
    t.equal((await get(`/history?${query}`)).statusCode, 400, query);
  t.equal((await get('/account?subscriber=sub-other')).statusCode, 400);
  t.same(signer.calls, []);
  signer.script['account.freeze'] = () => ({});
  const bare = await app.inject({ method: 'POST', url: `${base}/freeze`, headers: bearer(own) });
  t.equal(bare.statusCode, 204, 'no body is one without members');
  for (const url of ['/freeze', '/pin', '/totp/cancel', '/logout'])
    t.equal((await get(url)).statusCode, 404, 'no GET changes anything');
});

t.test(
  'S26: each refusal has its status, its code and a text in both languages, and says nothing of ours',
  async (t) => {
    const { app, signer, send } = await open(t);
    const rows: [ErrorKind, number, string][] = [
      ['pinInvalid', 400, 'invalid_pin'],
      ['pinLocked', 400, 'locked'],
      ['pinRefused', 400, 'pin_refused'],
      ['otpInvalid', 400, 'invalid_otp'],
      ['otpLocked', 400, 'locked'],
      ['moveNotAllowed', 400, 'move_not_allowed'],
      ['activationInvalid', 400, 'activation_invalid'],
      ['tooManyRequests', 429, 'too_many_requests'],
      ['clientSuspended', 403, 'login_suspended'],
      ['clockUntrusted', 503, 'temporarily_unavailable'],
      ['tokenUnavailable', 503, 'temporarily_unavailable'],
      ['integrity', 500, 'server_error'],
      ['credentialDisabled', 500, 'server_error'],
    ];
    for (const [kind, code, error] of rows) {
      signer.script['account.unfreeze'] = () => {
        throw new KysoError(kind, 'marker-message');
      };
      const answer = await send('/unfreeze', { pin: 'p', otp: '123456' });
      t.equal(answer.statusCode, code, kind);
      const { error_description: text, ...rest } = answer.json();
      t.same(rest, { error });
      t.match(text.vi, /[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệịỉĩọỏốồổỗộớờởỡợụủũứừửữựỳỵỷỹáàãéèíìóòõúùý]/, 'in Vietnamese');
      t.ok(text.en.length > 10);
      t.notMatch(answer.body, 'marker-message');
      t.equal(answer.headers['retry-after'], code === 503 ? '5' : code === 429 ? '60' : undefined);
    }
    t.equal((await post(app, `${base}/unknown`, {})).statusCode, 404);
  },
);

t.test('S42, S43: guesses of activation data lock their source, and no other', async (t) => {
  const { app, signer } = await startApi(t);
  const halves = { userID: 'hoa.tran', emailHalf: 'EMAIL-HALF', smsHalf: 'SMS-HALF' };
  const guess = (remoteAddress: string) =>
    app.inject({
      ...{ method: 'POST', url: `${base}/activation/begin`, remoteAddress, payload: JSON.stringify(halves) },
      headers: { 'content-type': 'application/json' },
    });
  const call = signer.calls.length;
  signer.script['activation.begin'] = () => {
    throw new KysoError('activationInvalid');
  };
  for (let n = 0; n < 50; n += 1) t.equal((await guess('192.0.2.1')).statusCode, 400);
  const locked = await guess('192.0.2.1');
  t.equal(locked.statusCode, 429);
  t.equal(locked.json().error, 'too_many_requests');
  t.equal(signer.calls.length - call, 50, 'signer is not asked any more');
  t.equal((await guess('192.0.2.2')).statusCode, 400);
  const complete = { ...halves, password: 'một mật khẩu dài', pin: 'mã-pin-bí-mật', otp: '123456' };
  const other = await app.inject({
    ...{ method: 'POST', url: `${base}/activation/complete`, remoteAddress: '192.0.2.1' },
    ...{ payload: JSON.stringify(complete), headers: { 'content-type': 'application/json' } },
  });
  t.equal(other.statusCode, 429, 'both steps are one count');
});

t.test('S4: what goes in comes back in no answer', async (t) => {
  const { signer, send } = await open(t);
  const refuse = () => {
    throw new KysoError('pinInvalid', 'marker-pin');
  };
  Object.assign(signer.script, { 'account.changePin': refuse, 'account.unfreeze': refuse, 'totpMove.begin': refuse });
  const answers = [
    await send('/pin', { pin: 'marker-pin', newPin: 'marker-new' }),
    await send('/unfreeze', { pin: 'marker-pin', otp: 'marker-otp' }),
    await send('/totp/begin', { pin: 'marker-pin' }),
    await send('/password', { oldPassword: 'marker-old-password', newPassword: 'marker-new-password' }),
    await send('/pin', { pin: 'marker-pin', newPin: ['marker'] }),
  ];
  for (const { body, statusCode } of answers) {
    t.equal(statusCode, 400);
    t.notMatch(body, 'marker');
  }
});
