import t from 'tap';
import { suspendClient } from '../../src/store/api/clients.ts';
import { apiDomain } from '../../src/store/api/tables.ts';
import { onBothEngines } from '../helpers/stores.ts';
import { basic, lan, post, startApi, startOfTests } from './helpers.ts';

const minutes = 60_000;

t.test('logins', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const { app, clock, store } = await startApi(t, { store: await stores.open(apiDomain) });
    const login = (userID = lan.userID, password = lan.password) =>
      post(app, '/csc/v1/auth/login', {}, basic(userID, password));
    const failures = async () => (await store.read.db.select().from(store.read.t.logins))[0]?.failures;

    const right = await Promise.all(Array.from({ length: 30 }, () => login()));
    t.ok(
      right.every(({ statusCode }) => statusCode === 200),
      '30 parallel right logins are not taken for guesses',
    );
    t.equal(await failures(), 0);

    const wrong = await Promise.all(Array.from({ length: 100 }, (_, n) => login(lan.userID, `wrong ${n}`)));
    t.ok(
      wrong.every(({ statusCode }) => statusCode === 400),
      '100 parallel wrong logins',
    );
    t.equal(await failures(), 10, 'S42: of which ten were looked at');

    const locked = await login();
    const answers = [wrong[0]!, wrong[99]!, locked, await login('nobody', 'x'), await login('nobody', lan.password)];
    for (const { statusCode, body, headers } of answers) {
      t.equal(statusCode, 400);
      t.equal(body, wrong[0]!.body, 'S44: wrong, locked and unknown have one body');
      const names = (all: object) => Object.keys(all).sort();
      t.same(names(headers), names(wrong[0]!.headers), 'and the same headers');
    }

    clock.set(startOfTests + 15 * minutes - 1);
    t.equal((await login()).statusCode, 400, 'locked for a quarter of an hour');
    clock.set(startOfTests + 15 * minutes);
    t.equal((await login()).statusCode, 200, 'then the right password works again');
    t.equal(await failures(), 0, 'and the count starts anew');

    await store.write((tx) => suspendClient(tx, 'direct', true));
    const suspended = await login();
    t.equal(suspended.statusCode, 400);
    t.equal(suspended.json().error, 'unauthorized_client', 'logins by password can be switched off');
    t.equal(
      (await login(lan.userID, 'wrong')).json().error,
      'authentication_error',
      'which only the right password learns',
    );
  });
});

t.test('too many waiting logins are turned away, and not counted', async (t) => {
  const { app, store } = await startApi(t);
  const answers = await Promise.all(
    Array.from({ length: 260 }, (_, n) => post(app, '/csc/v1/auth/login', {}, basic(`user-${n}`, 'x'))),
  );
  const statuses = answers.map(({ statusCode }) => statusCode);
  t.equal(statuses.filter((status) => status === 400).length, 200);
  t.equal(statuses.filter((status) => status === 503).length, 60);
  t.equal((await post(app, '/csc/v1/auth/login', {}, basic(lan.userID, lan.password))).statusCode, 200);
  t.equal((await store.read.db.select().from(store.read.t.grants)).length, 2);
});
