import t from 'tap';
import { clientHandlers, switchesOf } from '../../src/http/clients.ts';
import { apiDomain } from '../../src/store/api/tables.ts';
import { refused } from '../helpers/refused.ts';
import { onBothEngines } from '../helpers/stores.ts';
import { basic, lan, post, startApi } from './helpers.ts';

const allOff = { numSignaturesAsText: false, openSlots: false, sendOtpBody: false, pssDefaults: false };

t.test('S10: what the operator changes about a client counts from the next request on', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const { app, csc, signer, store } = await startApi(t, { store: await stores.open(apiDomain) });
    const { 'client.list': list, 'client.set': set } = clientHandlers(store);
    const change = (params: Parameters<typeof set>[0]) => set(params, 'operator');
    signer.script['credentials.sendOTP'] = () => ({});
    const sendOTP = async () => (await csc('credentials/sendOTP', { credentialID: 'c1' })).statusCode;
    const direct = { clientID: 'direct', name: 'Direct login', suspended: false, switches: allOff };
    const account = { ...direct, clientID: 'account', name: 'Own account' };

    t.same(await list({}, 'operator'), { clients: [account, direct] }, 'all switches are off at first');
    t.equal(await sendOTP(), 204);
    const switched = { ...direct, switches: { ...allOff, sendOtpBody: true } };
    t.same(await change({ clientID: 'direct', switches: { sendOtpBody: true } }), switched);
    t.equal(await sendOTP(), 200, 'the same token, another answer');
    await change({ clientID: 'direct', switches: { openSlots: true } });
    t.equal(await sendOTP(), 200, 'a switch that is not named stays');

    const login = () => post(app, '/csc/v1/auth/login', { rememberMe: true }, basic(lan.userID, lan.password));
    const { refresh_token } = (await login()).json();
    t.match(await change({ clientID: 'direct', suspended: true }), { suspended: true, switches: { openSlots: true } });
    t.equal(await sendOTP(), 401, 'a suspended client stops at once');
    t.equal((await login()).json().error, 'unauthorized_client');
    const { userID, password } = lan;
    const own = await post(app, '/subscriber/v1/login', { userID, password });
    t.equal(own.statusCode, 200, 'while holders still reach their own account, to freeze it');
    const refresh = () => post(app, '/csc/v1/auth/login', { refresh_token });
    t.equal((await refresh()).json().error_description, 'Invalid refresh_token');
    await change({ clientID: 'direct', suspended: false });
    t.equal(await sendOTP(), 200, 'and goes on when the suspension is lifted');
    t.equal((await refresh()).statusCode, 200, 'nothing was used up meanwhile');
    await t.rejects(change({ clientID: 'other', suspended: true }), refused('requestInvalid'));
  });
});

t.test('switches that a row does not name are off', async (t) => {
  t.same(switchesOf({ switches: '{}' }), allOff);
  t.same(switchesOf({ switches: '{"pssDefaults":true,"of another version":true}' }), { ...allOff, pssDefaults: true });
});
