import t from 'tap';
import { loginDesk } from '../../src/http/logins.ts';
import { changeClient } from '../../src/store/api/clients.ts';
import { type ApiStore, apiDomain } from '../../src/store/api/tables.ts';
import { refused } from '../helpers/refused.ts';
import { onBothEngines } from '../helpers/stores.ts';
import { basic, cheap, lan, post, startApi, startOfTests } from './helpers.ts';

const minutes = 60_000;
const loginUrl = '/csc/v1/auth/login';

t.test('logins', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const { app, clock, store } = await startApi(t, { store: await stores.open(apiDomain) });
    const login = (userID = lan.userID, password = lan.password, ip = '192.0.2.1') =>
      app.inject({
        ...{ method: 'POST', url: loginUrl, payload: '{}', remoteAddress: ip },
        headers: { 'content-type': 'application/json', ...basic(userID, password) },
      });

    const right = await Promise.all(Array.from({ length: 60 }, () => login()));
    t.ok(
      right.every(({ statusCode }) => statusCode === 200),
      '60 parallel right logins are not taken for guesses',
    );

    const sources = ['192.0.2.1', '203.0.113.5'];
    const wrong = await Promise.all(
      Array.from({ length: 200 }, (_, n) => login(lan.userID, `wrong ${n}`, sources[n % 2])),
    );
    t.ok(
      wrong.every(({ statusCode }) => statusCode === 400),
      '200 parallel wrong logins, half of them from another source',
    );
    const counts = (await store.read.db.select().from(store.read.t.throttles)).map(({ failures }) => failures);
    const sorted = counts.sort((a, b) => a - b);
    t.same(sorted, [0, 5, 5, 5, 5, 10], 'S42: of which five of each pair were looked at, ten of the account');

    const locked = await login();
    const answers = [wrong[0]!, wrong[199]!, locked, await login('nobody', 'x'), await login('nobody', lan.password)];
    for (const { statusCode, body, headers } of answers) {
      t.equal(statusCode, 400);
      t.equal(body, wrong[0]!.body, 'S44: wrong, locked and unknown have one body');
      const names = (all: object) => Object.keys(all).sort();
      t.same(names(headers), names(wrong[0]!.headers), 'and the same headers');
    }
    t.equal((await login(lan.userID, lan.password, '198.51.100.7')).statusCode, 200, 'S43: the owner is elsewhere');
    t.equal((await login()).statusCode, 400, 'while the stranger stays locked');

    await store.write((tx) => changeClient(tx, 'direct', { suspended: true }));
    const suspended = await login(lan.userID, lan.password, '198.51.100.7');
    t.equal(suspended.statusCode, 400);
    t.equal(suspended.json().error, 'unauthorized_client', 'logins by password can be switched off');
    t.equal(
      (await login(lan.userID, 'wrong', '198.51.100.7')).json().error,
      'authentication_error',
      'which only the right password learns',
    );
    clock.set(startOfTests + minutes);
    await store.write((tx) => changeClient(tx, 'direct', { suspended: false }));
    t.equal((await login()).statusCode, 200, 'a minute later the right password works there, too');
  });
});

t.test('S42, S43: pairs, sources and accounts lock by themselves, and for longer each time', async (t) => {
  const { app, clock } = await startApi(t);
  const login = async (userID: string, password: string, ip: string) => {
    const headers = { 'content-type': 'application/json', ...basic(userID, password) };
    const answer = await app.inject({ method: 'POST', url: loginUrl, payload: '{}', remoteAddress: ip, headers });
    return answer.statusCode === 200;
  };
  const guess = (ip: string, userID = lan.userID) => login(userID, 'wrong', ip);
  const mine = (ip: string) => login(lan.userID, lan.password, ip);
  let now = startOfTests;

  for (let n = 0; n < 4; n += 1) await guess('203.0.113.1');
  t.ok(await mine('203.0.113.1'), 'four wrong ones are free');
  for (let n = 0; n < 5; n += 1) await guess('203.0.113.1');
  for (const wait of [1, 5, 15]) {
    clock.set(now + wait * minutes - 1);
    t.notOk(await mine('203.0.113.1'), `${wait} minutes`);
    now += wait * minutes;
    clock.set(now);
    await guess('203.0.113.1');
  }

  for (let n = 0; n < 50; n += 1) await guess('2001:db8:1:2::1', `user-${n}`);
  t.notOk(await mine('2001:db8:1:2:ffff::9'), 'a source that tries everybody is locked, with its whole /64');
  t.ok(await mine('2001:db8:1:3::1'), 'and no other one');
  t.ok(await mine('::ffff:203.0.113.9'), 'an IPv4 address is the same in both spellings');

  for (let n = 0; n < 100; n += 1) await guess(`198.51.100.${n}`);
  t.notOk(await mine('192.0.2.77'), 'after a hundred sources the account is locked from everywhere');
  clock.set(now + minutes);
  t.ok(await mine('192.0.2.77'), 'for a minute at first');
});

t.test('too many waiting logins are turned away, and not counted', async (t) => {
  const { app, store } = await startApi(t);
  const crowd = async (size: number, ip: (n: number) => string) => {
    const answers = await Promise.all(
      Array.from({ length: size }, (_, n) =>
        app.inject({
          ...{ method: 'POST', url: loginUrl, payload: '{}', remoteAddress: ip(n) },
          headers: { 'content-type': 'application/json', ...basic(`user-${n}`, 'x') },
        }),
      ),
    );
    const count = (status: number) => answers.filter(({ statusCode }) => statusCode === status).length;
    t.equal(count(400) + count(503), size);
    return count(503);
  };
  t.ok((await crowd(150, () => '192.0.2.9')) > 0, 'one source has half of the line');
  t.equal(await crowd(100, (n) => `198.51.100.${n}`), 0, 'many have all of it');
  t.ok((await crowd(300, (n) => `198.51.${n % 100}.200`)) > 0);
  t.equal((await post(app, loginUrl, {}, basic(lan.userID, lan.password))).statusCode, 200);
  t.equal((await store.read.db.select().from(store.read.t.grants)).length, 2);
});

t.test(
  'a user ID or password with control characters is malformed, whatever the engine would make of it',
  async (t) => {
    await onBothEngines(t, async (t, stores) => {
      const { app } = await startApi(t, { store: await stores.open(apiDomain) });
      for (const [userID, password] of [
        ['lan\0', 'x'],
        ['lan', 'x\0'],
        ['lan\n', 'x'],
        ['lan', 'x\u0085'],
        ['', 'x'],
        ['lan', ''],
      ] as const) {
        const { statusCode, body } = await post(app, loginUrl, {}, basic(userID, password));
        t.equal(statusCode, 400, JSON.stringify([userID, password]));
        t.same(JSON.parse(body), { error: 'invalid_request', error_description: 'Malformed username-password.' });
      }
      t.equal((await post(app, loginUrl, {}, basic('a'.repeat(9000), 'x'))).json().error, 'authentication_error');
      const elsewhere = await post(app, '/subscriber/v1/login', { userID: 'lan\0', password: lan.password });
      const unknown = await post(app, '/subscriber/v1/login', { userID: 'nobody', password: lan.password });
      t.same([elsewhere.statusCode, elsewhere.body], [unknown.statusCode, unknown.body], 'and an unknown user in JSON');
    });
  },
);

t.test('a new password ends all logins with the old one', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const { app, csc, clock, signer, store } = await startApi(t, { store: await stores.open(apiDomain) });
    const desk = loginDesk({ store, clock, cost: cheap });
    const login = (password: string) => post(app, loginUrl, { rememberMe: true }, basic(lan.userID, password));
    const { refresh_token } = (await login(lan.password)).json();
    const next = 'Một mật khẩu hoàn toàn khác';
    let told = 0;
    const tell = async () => {
      told += 1;
    };
    const { subscriber } = lan;
    const change = (oldPassword: string, newPassword = next, source = '192.0.2.1') =>
      desk.changePassword({ subscriber, oldPassword, newPassword, source, tell });

    await t.rejects(change('not the old one'), refused('loginInvalid'));
    await t.rejects(change(lan.password, 'short'), refused('passwordRefused'));
    await t.rejects(change(lan.password, lan.password), refused('passwordRefused'), 'the same again');
    const nobody = { subscriber: 'nobody', oldPassword: lan.password, newPassword: next, source: '192.0.2.1', tell };
    await t.rejects(desk.changePassword(nobody), refused('loginInvalid'));
    t.equal(told, 0, 'S47: the holder is told of a change, and of nothing else');
    signer.script['credentials.list'] = () => ({ credentialIDs: [], more: false });
    t.equal((await csc('credentials/list', {})).statusCode, 200, 'a try that fails changes nothing');

    await change(lan.password);
    t.equal(told, 1);
    t.equal((await csc('credentials/list', {})).statusCode, 401, 'access tokens end');
    t.equal((await post(app, loginUrl, { refresh_token })).json().error_description, 'Invalid refresh_token');
    t.equal((await login(lan.password)).json().error, 'authentication_error');
    t.equal((await login(next)).statusCode, 200);

    for (let n = 0; n < 5; n += 1) await t.rejects(change('wrong', next, '192.0.2.5'), refused('loginInvalid'));
    await t.rejects(change(next, 'Thêm một mật khẩu', '192.0.2.5'), refused('loginInvalid'), 'S42: tries are counted');
  });
});

t.test('a login that is under way while the password is changed leaves nothing behind', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const { clock, store } = await startApi(t, { store: await stores.open(apiDomain) });
    const desk = (from: ApiStore) => loginDesk({ store: from, clock, cost: cheap });
    const fresh = {
      ...{ subscriber: lan.subscriber, oldPassword: lan.password, newPassword: 'mật khẩu mới của Lan' },
      ...{ source: 'b', tell: async () => {} },
    };
    let writes = 0;
    // The third write of a login is the grant: the password has been found right.
    const late: ApiStore = {
      ...store,
      async write(work) {
        writes += 1;
        if (writes === 3) await desk(store).changePassword(fresh);
        return store.write(work);
      },
    };
    const login = { userID: lan.userID, password: lan.password, source: 'a', scope: 'csc' } as const;
    await t.rejects(desk(late).login(login), refused('loginInvalid'));
    t.equal(writes, 3);
    const grants = await store.read.db.select().from(store.read.t.grants);
    t.same(
      grants.filter(({ revokedAt }) => revokedAt === null),
      [],
    );
  });
});
