import t from 'tap';
import { apiDomain } from '../../src/store/api/tables.ts';
import { onBothEngines } from '../helpers/stores.ts';
import { basic, lan, post, startApi, startOfTests } from './helpers.ts';

const url = '/csc/v1/auth/login';
const day = 86_400_000;
const invalid = { error: 'invalid_request', error_description: 'Invalid refresh_token' };

t.test('S36: refresh tokens', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const { app, csc, clock, signer } = await startApi(t, { store: await stores.open(apiDomain) });
    signer.script['credentials.list'] = () => ({ credentialIDs: [], more: false });
    const login = async (body: object = { rememberMe: true }) =>
      (await post(app, url, body, basic(lan.userID, lan.password))).json();
    const refresh = (token: string, more: object = { rememberMe: true }) =>
      post(app, url, { refresh_token: token, ...more });
    const works = async (token: string) =>
      (await csc('credentials/list', {}, { authorization: `Bearer ${token}` })).statusCode === 200;

    t.notOk((await login({})).refresh_token, 'none without rememberMe');
    const first = await login();
    t.match(first, { access_token: /./, refresh_token: /^[\w-]{43}$/, expires_in: 3600 });

    const second = (await refresh(first.refresh_token)).json();
    t.ok(await works(second.access_token));
    t.not(second.refresh_token, first.refresh_token, 'each use gives another one');
    t.ok(await works(first.access_token), 'access tokens that were given before go on');

    t.same((await refresh(first.refresh_token)).json(), invalid, 'a used one is refused');
    t.notOk(await works(second.access_token), 'and ends its whole family: it was in two hands');
    t.notOk(await works(first.access_token));
    t.same((await refresh(second.refresh_token)).json(), invalid);

    const raced = await login();
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(raced.refresh_token)));
    t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1, 'of 50 at once one gets the next');

    const last = await login();
    t.notOk((await refresh(last.refresh_token, {})).json().refresh_token, 'the last one, when nobody asks for more');

    const old = await login();
    clock.set(startOfTests + 30 * day);
    t.same((await refresh(old.refresh_token)).json(), invalid, 'unused for 30 days');
    let kept = await login();
    for (let n = 1; n <= 3; n += 1) {
      clock.set(startOfTests + 30 * day + n * 29 * day);
      kept = (await refresh(kept.refresh_token)).json();
      t.ok(kept.refresh_token, `used after ${n * 29} days`);
    }
    clock.set(startOfTests + 30 * day + 90 * day);
    t.same((await refresh(kept.refresh_token)).json(), invalid, 'and after 90 days a login is due');

    for (const [what, body, headers, status, text] of [
      ['of another form', { refresh_token: 'x' }, {}, 400, 'Invalid string parameter: refresh_token'],
      ['a number', { refresh_token: 1 }, {}, 400, 'Invalid string parameter: refresh_token'],
      ['unknown', { refresh_token: 'A'.repeat(43) }, {}, 400, 'Invalid refresh_token'],
      ['none, and no header', {}, {}, 401, 'Malformed authentication parameter.'],
    ] as const) {
      const answer = await post(app, url, body, headers);
      t.same([answer.statusCode, answer.json().error_description], [status, text], what);
    }
    const both = await post(app, url, { refresh_token: 'A'.repeat(43) }, basic(lan.userID, lan.password));
    t.equal(both.statusCode, 400, 'with a refresh token the header must not carry credentials');
  });
});
