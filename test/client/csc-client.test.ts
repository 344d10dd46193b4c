import t, { type Test } from 'tap';
import { type CscClient, cscClient } from '../../src/client/index.ts';
import { refused } from '../helpers/refused.ts';
import { type CscAnswer, cscService } from './csc-service.ts';

/** A client of a service that gives these answers, one after another. */
async function answering(t: Test, ...answers: CscAnswer[]) {
  const { baseUrl, calls } = await cscService(t, () => answers.shift());
  return { client: cscClient({ baseUrl }), calls, baseUrl };
}

const info = {
  specs: '1.0.4.0',
  name: 'Kyso',
  logo: 'https://kyso.example/logo.png',
  region: 'VN',
  lang: 'vi',
  description: 'Dịch vụ ký số từ xa',
  authType: ['basic'],
  methods: ['auth/login', 'credentials/list', 'signatures/signHash'],
};
const credential = {
  description: 'Khóa ký của giáo viên',
  key: { status: 'enabled', algo: ['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.1'], len: 2048 },
  cert: { status: 'valid', certificates: ['MAA=', 'MAE='] },
  authMode: 'explicit',
  SCAL: '2',
  PIN: { presence: 'true', format: 'A', label: 'PIN' },
  OTP: { presence: 'true', type: 'offline', ID: 'totp-1', provider: 'totp', format: 'N', label: 'Mã' },
  multisign: 1000,
  lang: 'vi',
};
const hash = [Buffer.alloc(32, 1), Buffer.alloc(32, 0xfb)];
const authorize = { credentialID: 'c1', hash, PIN: '12345678', OTP: '123456' };
const signHash = { credentialID: 'c1', SAD: 'sad', hash, signAlgo: '1.2.840.113549.1.1.11' };

t.test('info is asked for without authorization, in the wanted language', async (t) => {
  const { client, calls } = await answering(t, { body: info }, { body: info });
  t.match(await client.info('vi'), info);
  await client.info();
  t.strictSame(calls, [
    { method: 'info', authorization: undefined, body: { lang: 'vi' } },
    { method: 'info', authorization: undefined, body: {} },
  ]);
});

t.test('login sends Basic in UTF-8 and assumes 3600 s where expires_in is left out', async (t) => {
  const { client, calls } = await answering(
    t,
    { body: { access_token: 'a.b-c', refresh_token: 'r', expires_in: 900 } },
    { body: { access_token: 'a.b-c' } },
  );
  t.strictSame(await client.login('cô.lan', 'mật:khẩu'), { accessToken: 'a.b-c', refreshToken: 'r', expiresIn: 900 });
  t.strictSame(await client.login('cô.lan', 'mật:khẩu'), { accessToken: 'a.b-c', expiresIn: 3600 });
  const basic = `Basic ${Buffer.from('cô.lan:mật:khẩu').toString('base64')}`;
  t.strictSame(calls[0], { method: 'auth/login', authorization: basic, body: {} });
});

t.test('rememberMe asks for a refresh token, which gives the next pair without the password', async (t) => {
  const pair = { body: { access_token: 'a2', refresh_token: 'r2', expires_in: 900 } };
  const { client, calls } = await answering(t, pair, pair);
  await client.login('u', 'p', true);
  t.strictSame(calls[0]?.body, { rememberMe: true });
  t.strictSame(await client.refresh('r1'), { accessToken: 'a2', refreshToken: 'r2', expiresIn: 900 });
  const body = { refresh_token: 'r1', rememberMe: true };
  t.strictSame(calls[1], { method: 'auth/login', authorization: undefined, body });
});

t.test('auth/revoke ends the access token, or the token that is named; 204 and 200 with a body do', async (t) => {
  const { client, calls } = await answering(t, { status: 204, body: '' }, { body: {} });
  await client.revoke('token');
  await client.revoke('token', 'refresh');
  t.strictSame(
    calls.map(({ authorization, body }) => [authorization, body]),
    [
      ['Bearer token', { token: 'token' }],
      ['Bearer token', { token: 'refresh' }],
    ],
  );
});

t.test('credentials/sendOTP names the credential; 204 and 200 with a body do', async (t) => {
  const { client, calls } = await answering(t, { status: 204, body: '' }, { body: {} });
  await client.sendOTP('token', 'c1');
  await client.sendOTP('token', 'c1');
  t.strictSame(calls[0], {
    method: 'credentials/sendOTP',
    authorization: 'Bearer token',
    body: { credentialID: 'c1' },
  });
});

t.test(
  'credentials/extendTransaction gives a SAD for another, with further hashes only where there are some',
  async (t) => {
    const { client, calls } = await answering(t, { body: { SAD: 's2', expiresIn: 300 } }, { body: { SAD: 's3' } });
    t.strictSame(await client.extendTransaction('token', { credentialID: 'c1', SAD: 's1' }), {
      SAD: 's2',
      expiresIn: 300,
    });
    t.strictSame(await client.extendTransaction('token', { credentialID: 'c1', SAD: 's2', hash }), {
      SAD: 's3',
      expiresIn: 3600,
    });
    const texts = hash.map((bytes) => bytes.toString('base64'));
    t.strictSame(
      calls.map(({ body }) => body),
      [
        { credentialID: 'c1', SAD: 's1' },
        { credentialID: 'c1', SAD: 's2', hash: texts },
      ],
    );
  },
);

t.test('a user ID with a colon is refused before anything is sent (RFC 7617 §2)', async (t) => {
  const { client, calls } = await answering(t);
  await t.rejects(client.login('a:b', 'c'), refused('requestInvalid'));
  t.equal(calls.length, 0);
});

t.test('credentials/list follows nextPageToken to the last page', async (t) => {
  const { client, calls } = await answering(
    t,
    { body: { credentialIDs: ['c1', 'c2'], nextPageToken: 'p2' } },
    { body: { credentialIDs: [], nextPageToken: 'p3' } },
    { body: { credentialIDs: ['c3'] } },
  );
  t.strictSame(await client.credentialsList('token'), ['c1', 'c2', 'c3']);
  t.strictSame(
    calls.map(({ body, authorization }) => [body, authorization]),
    [
      [{}, 'Bearer token'],
      [{ pageToken: 'p2' }, 'Bearer token'],
      [{ pageToken: 'p3' }, 'Bearer token'],
    ],
  );
});

t.test('credentials/list that comes back to the same page is given up', async (t) => {
  const page = { body: { credentialIDs: ['c1'], nextPageToken: 'p' } };
  const { client } = await answering(t, page, page, page);
  await t.rejects(client.credentialsList('token'), { ...refused('unavailable'), message: /pages never end/ });
});

t.test('credentials/info asks for the chain and the factors, and decodes the certificates', async (t) => {
  const { client, calls } = await answering(t, { body: credential });
  const found = await client.credentialsInfo('token', 'c1');
  t.strictSame(found.cert, { status: 'valid', certificates: [Buffer.from('3000', 'hex'), Buffer.from('3001', 'hex')] });
  t.match(found, { key: credential.key, SCAL: '2', multisign: 1000, OTP: credential.OTP });
  t.strictSame(calls[0], {
    method: 'credentials/info',
    authorization: 'Bearer token',
    body: { credentialID: 'c1', certificates: 'chain', authInfo: true },
  });
});

t.test('authorize names every hash and counts them (SCAL 2)', async (t) => {
  const { client, calls } = await answering(t, { body: { SAD: 's', expiresIn: 300 } }, { body: { SAD: 's' } });
  t.strictSame(await client.authorize('token', authorize), { SAD: 's', expiresIn: 300 });
  t.strictSame(await client.authorize('token', authorize), { SAD: 's', expiresIn: 3600 });
  const body = { credentialID: 'c1', PIN: '12345678', OTP: '123456', numSignatures: 2 };
  t.strictSame(calls[0]?.body, { ...body, hash: hash.map((bytes) => bytes.toString('base64')) });
});

t.test('signHash answers the signatures in the order of the hashes', async (t) => {
  const { client, calls } = await answering(t, { body: { signatures: ['AQ==', 'Ag=='] } });
  t.strictSame(await client.signHash('token', signHash), [Buffer.of(1), Buffer.of(2)]);
  t.strictSame(calls[0]?.body, { ...signHash, hash: hash.map((bytes) => bytes.toString('base64')) });
});

t.test('signHash sends the parameters of RSASSA-PSS in base64', async (t) => {
  const { client, calls } = await answering(t, { body: { signatures: ['AQ==', 'Ag=='] } });
  await client.signHash('token', { ...signHash, signAlgoParams: Buffer.from('3000', 'hex') });
  t.equal(calls[0]?.body.signAlgoParams, 'MAA=');
});

t.test('S70: signHash names each request of its own, and sends it again when the connection is lost', async (t) => {
  const done = { body: { signatures: ['AQ==', 'Ag=='] } };
  const { client, calls } = await answering(
    t,
    done,
    { body: '', cutOff: true },
    done,
    { body: '', cutOff: 'inside' },
    done,
  );
  for (let times = 0; times < 3; times++)
    t.strictSame(await client.signHash('token', signHash), [Buffer.of(1), Buffer.of(2)]);
  const keys = calls.map(({ idempotencyKey }) => idempotencyKey);
  t.equal(keys.length, 5);
  t.match(keys[0], /^[0-9a-f-]{36}$/);
  t.strictSame([keys[2], keys[4]], [keys[1], keys[3]], 'the same key, the same request');
  t.strictSame(calls[2], calls[1]);
  t.equal(new Set(keys).size, 3);
});

t.test('S70: signHash takes a key of the caller, and does not go on trying', async (t) => {
  const cut = { body: '', cutOff: true as const };
  const { client, calls } = await answering(t, cut, cut);
  await t.rejects(client.signHash('token', { ...signHash, idempotencyKey: 'mine' }), refused('unavailable'));
  t.strictSame(
    calls.map(({ idempotencyKey }) => idempotencyKey),
    ['mine', 'mine'],
  );
  t.notOk('idempotencyKey' in calls[0]!.body);
});

t.test('what has no key is not sent twice', async (t) => {
  const { client, calls } = await answering(t, { body: '', cutOff: true });
  await t.rejects(client.authorize('token', authorize), refused('unavailable'));
  t.equal(calls.length, 1);
});

const all: Record<string, (client: CscClient) => Promise<unknown>> = {
  'credentials/extendTransaction': (client) => client.extendTransaction('token', { credentialID: 'c1', SAD: 's' }),
  info: (client) => client.info(),
  'auth/login': (client) => client.login('u', 'p'),
  'credentials/list': (client) => client.credentialsList('token'),
  'credentials/info': (client) => client.credentialsInfo('token', 'c1'),
  'credentials/authorize': (client) => client.authorize('token', authorize),
  'signatures/signHash': (client) => client.signHash('token', signHash),
};

/** The methods whose answer says nothing. */
const silent: typeof all = {
  'auth/revoke': (client) => client.revoke('token'),
  'credentials/sendOTP': (client) => client.sendOTP('token', 'c1'),
};

for (const [method, call] of Object.entries({ ...all, ...silent })) {
  t.test(`${method}: the error object becomes a CscError with status, error and description`, async (t) => {
    const body = { error: 'invalid_request', error_description: 'Invalid parameter SAD' };
    const { client } = await answering(t, { status: 400, body }, { status: 401, body: { error: 'invalid_token' } });
    await t.rejects(call(client), {
      name: 'CscError',
      status: 400,
      error: 'invalid_request',
      errorDescription: 'Invalid parameter SAD',
      message: `${method} was refused: Invalid parameter SAD (HTTP 400)`,
    });
    await t.rejects(call(client), {
      name: 'CscError',
      status: 401,
      error: 'invalid_token',
      errorDescription: undefined,
    });
  });

  t.test(`${method}: a refusal that is no error object is a CscError with the status alone`, async (t) => {
    const bodies = ['<html>Bad Gateway</html>', '', { error: 5 }, null];
    const { client } = await answering(t, ...bodies.map((body) => ({ status: 502, body })));
    for (const _ of bodies) await t.rejects(call(client), { name: 'CscError', status: 502, error: undefined });
  });

  t.test(`${method}: a redirection is not followed, PIN and password stay here`, async (t) => {
    const elsewhere = await answering(t, { body: {} });
    const { client } = await answering(t, { status: 307, headers: { Location: `${elsewhere.baseUrl}/x` }, body: {} });
    await t.rejects(call(client), refused('unavailable'));
    t.equal(elsewhere.calls.length, 0);
  });
}

for (const [method, call] of Object.entries(all)) {
  t.test(`${method}: an answer that is not the JSON object of the specification cannot be used`, async (t) => {
    const bodies = ['<html>OK</html>', '', '{"credentialIDs":[', [], null, {}, 'true'];
    const { client } = await answering(t, ...bodies.map((body) => ({ body })));
    for (const _ of bodies) {
      await t.rejects(call(client), {
        ...refused('unavailable'),
        message: `signing service to ${method} cannot be used`,
      });
    }
  });
}

const wrong: [string, string, unknown][] = [
  ['fewer signatures than hashes', 'signatures/signHash', { signatures: ['AQ=='] }],
  ['more signatures than hashes', 'signatures/signHash', { signatures: ['AQ==', 'Ag==', 'Aw=='] }],
  ['a signature that is not base64', 'signatures/signHash', { signatures: ['AQ==', '!'] }],
  ['an empty signature', 'signatures/signHash', { signatures: ['AQ==', ''] }],
  ['a SAD that is no string', 'credentials/authorize', { SAD: 5 }],
  ['a lifetime that is no number', 'credentials/authorize', { SAD: 's', expiresIn: '300' }],
  ['a token that fits no header', 'auth/login', { access_token: 'a\nb' }],
  ['credential IDs that are no strings', 'credentials/list', { credentialIDs: [1] }],
  ['no certificate', 'credentials/info', { ...credential, cert: { certificates: [] } }],
  ['a certificate that is not base64', 'credentials/info', { ...credential, cert: { certificates: ['M'] } }],
  ['no algorithm', 'credentials/info', { ...credential, key: { ...credential.key, algo: [] } }],
  ['a key status of its own', 'credentials/info', { ...credential, key: { ...credential.key, status: 'ok' } }],
  ['multisign below 1', 'credentials/info', { ...credential, multisign: 0 }],
  ['a presence that is a boolean', 'credentials/info', { ...credential, PIN: { presence: true } }],
];
for (const [name, method, body] of wrong) {
  t.test(`${method}: ${name} cannot be used`, async (t) => {
    const { client } = await answering(t, { body });
    await t.rejects(all[method]!(client), refused('unavailable'));
  });
}

t.test('no message repeats what a malformed answer held', async (t) => {
  const { client } = await answering(t, { body: { access_token: 'top secret' } });
  const error = await client.login('u', 'p').catch((error: Error) => error);
  t.match(error, { message: /access_token/ });
  t.notMatch(JSON.stringify([`${error}`, (error as Error).stack]), 'top secret');
});

t.test('a service that does not answer in time, is not there, or is left by the caller is unavailable', async (t) => {
  const { baseUrl } = await answering(t, undefined, undefined);
  await t.rejects(cscClient({ baseUrl, timeoutMs: 20 }).info(), { ...refused('unavailable'), message: /in time/ });
  const signal = AbortSignal.abort();
  await t.rejects(cscClient({ baseUrl, signal }).info(), refused('unavailable'));
  await t.rejects(cscClient({ baseUrl: 'http://127.0.0.1:1/csc/v1' }).info(), refused('unavailable'));
});

t.test('only https, or http to this machine itself, is an address to send passwords to', async (t) => {
  for (const host of ['https://kyso.example', 'http://localhost:80', 'http://127.1.2.3', 'http://[::1]:8080']) {
    t.doesNotThrow(() => cscClient({ baseUrl: `${host}/csc/v1` }), host);
  }
  for (const baseUrl of [
    'http://kyso.example/csc/v1',
    'http://127.0.0.1.kyso.example/csc/v1',
    'http://localhost.example/csc/v1',
    'ftp://localhost/csc/v1',
    'kyso.example/csc/v1',
    'https://kyso.example/csc/v1/',
    'https://kyso.example/csc/v1?x=1',
    'https://user@kyso.example/csc/v1',
    'https://:secret@kyso.example/csc/v1',
    '',
  ]) {
    t.throws(() => cscClient({ baseUrl }), refused('configuration'), baseUrl);
  }
});
