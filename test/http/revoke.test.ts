import t from 'tap';
import { loginDesk } from '../../src/http/logins.ts';
import { apiDomain } from '../../src/store/api/tables.ts';
import { onBothEngines } from '../helpers/stores.ts';
import { basic, cheap, lan, post, startApi } from './helpers.ts';

const url = '/csc/v1/auth/login';

t.test('auth/revoke acts at once, on the caller’s own tokens', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const { app, csc, store, clock, signer } = await startApi(t, { store: await stores.open(apiDomain) });
    signer.script['credentials.list'] = () => ({ credentialIDs: [], more: false });
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    const login = async (user = lan) =>
      (await post(app, url, { rememberMe: true }, basic(user.userID, user.password))).json();
    const works = async (token: string) => (await csc('credentials/list', {}, bearer(token))).statusCode === 200;
    const refreshes = async (token: string) =>
      (await post(app, url, { refresh_token: token, rememberMe: true })).statusCode === 200;
    const revoke = (token: unknown, as: string, more: object = {}) =>
      csc('auth/revoke', { token, ...more }, bearer(as));

    const mine = await login();
    const answer = await revoke(mine.access_token, mine.access_token);
    t.same([answer.statusCode, answer.body], [204, ''], 'one may revoke the very token one comes with');
    t.equal((await csc('credentials/list', {}, bearer(mine.access_token))).statusCode, 401, 'dead at once');
    t.ok(await refreshes(mine.refresh_token), 'an access token does not take the refresh token along');

    const [one, two] = [await login(), await login()];
    t.equal((await revoke(one.refresh_token, two.access_token, { token_type_hint: 'access_token' })).statusCode, 204);
    t.notOk(await works(one.access_token), 'a refresh token takes its access tokens along, whatever the hint said');
    t.notOk(await refreshes(one.refresh_token));
    t.ok(await works(two.access_token), "another login's go on");
    t.equal((await revoke(one.refresh_token, two.access_token)).statusCode, 204, 'again changes nothing');
    t.equal((await revoke(one.access_token, two.access_token)).statusCode, 204);

    const binh = { userID: 'binh', password: 'Cây đa bến nước', subscriber: 'sub-binh' };
    await loginDesk({ store, clock, cost: cheap }).enrol(binh.userID, binh.subscriber, binh.password);
    const theirs = await login(binh);
    const rows = [
      ['missing', undefined, {}, 'Missing (or invalid type) string parameter token'],
      ['a number', 1, {}, 'Missing (or invalid type) string parameter token'],
      ['another hint', two.access_token, { token_type_hint: 'id_token' }, 'Invalid string parameter token_type_hint'],
      ['unknown', 'abc', {}, 'Invalid string parameter token'],
      ['empty', '', {}, 'Invalid string parameter token'],
      ['unknown, of the right form', 'A'.repeat(43), {}, 'Invalid string parameter token'],
      ["somebody else's access token", theirs.access_token, {}, 'Invalid string parameter token'],
      ["somebody else's refresh token", theirs.refresh_token, {}, 'Invalid string parameter token'],
      ['forged', `${theirs.access_token}x`, {}, 'Invalid string parameter token'],
    ] as const;
    for (const [what, token, more, text] of rows) {
      const { statusCode, body } = await revoke(token, two.access_token, more);
      t.same([statusCode, JSON.parse(body)], [400, { error: 'invalid_request', error_description: text }], what);
    }
    t.ok((await works(theirs.access_token)) && (await works(two.access_token)), 'and none of these revoked anything');
  });
});
