import t from 'tap';
import { type ErrorKind, errorKinds, KysoError } from '../../src/base/errors.ts';
import { methods } from '../../src/http/csc/methods.ts';
import { changeClient } from '../../src/store/api/clients.ts';
import { lanCertificate } from './certificates.ts';
import { authorize, h32, h48, shapeCases, sign } from './csc-cases.ts';
import { note, reached, reachedOf } from './csc-reached.ts';
import { signerRows } from './csc-signer-rows.ts';
import { cscTables, type TableRow } from './csc-tables.ts';
import { basic, type CredentialInfo, lan, post, type Sandbox, startApi } from './helpers.ts';

const stock = {
  invalid_request:
    'The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed.',
  server_error:
    'The authorization server encountered an unexpected condition that prevented it from fulfilling the request.',
  temporarily_unavailable:
    'The authorization server is currently unable to handle the request due to a temporary overloading or maintenance of the server.',
  unauthorized_client: 'The client is not authorized to use this method.',
  access_denied: 'The user, authorization server or remote service denied the request.',
  expired_token: 'The access or refresh token is expired or has been revoked.',
  invalid_token: 'The token provided is not a valid OAuth access or refresh token.',
};

const enabled: CredentialInfo = {
  keyStatus: 'enabled',
  keyType: 'EC-P256',
  certStatus: 'valid',
  signAlgos: ['1.2.840.10045.4.3.2'],
  otp: 'totp',
  chain: [lanCertificate],
};

const bad = (text: string): TableRow => [400, 'invalid_request', text];
const away: TableRow = [503, 'temporarily_unavailable', stock.temporarily_unavailable];
const ours: TableRow = [500, 'server_error', stock.server_error];

async function sandbox(t: Parameters<typeof startApi>[0]): Promise<Sandbox> {
  const sandbox = await startApi(t);
  sandbox.signer.script['credentials.info'] = ({ credentialID }) => {
    if (credentialID === 'foreign') throw new KysoError('credentialUnknown');
    if (credentialID === 'expired') return { ...enabled, keyStatus: 'disabled', certStatus: 'expired' };
    return { ...enabled, keyStatus: credentialID === 'off' ? 'disabled' : 'enabled' };
  };
  sandbox.signer.script['sad.check'] = ({ sad, hashes }) => {
    if (sad === 'unknown') throw new KysoError('sadInvalid');
    if (hashes.includes(h48)) throw new KysoError('hashNotAuthorized');
    return {};
  };
  return sandbox;
}

for (const [method, good, cases] of shapeCases) {
  t.test(`${method}: each row of the table, literally and in order`, async (t) => {
    const { csc, signer } = await sandbox(t);
    for (const [changes, error_description, error = 'invalid_request'] of cases) {
      const answer = await csc(method, { ...good, ...changes });
      const shown = JSON.stringify(changes).slice(0, 80);
      t.equal(answer.statusCode, 400, shown);
      t.same(answer.json(), { error, error_description }, shown);
      note(method, answer);
    }
    const asked = new Set(signer.calls.map((call) => call.method));
    asked.delete('credentials.info');
    asked.delete('sad.check');
    t.same([...asked], [], 'the call itself never reached signer');
    for (const body of [[], '"x"', 5, 'true', [good]]) {
      t.same((await csc(method, body)).json(), { error: 'invalid_request', error_description: stock.invalid_request });
    }
  });
}

/** Each refusal that Kyso knows, and the answer that comes of it, word for word. */
const literal: Record<ErrorKind, TableRow> = {
  ...{
    accessTokenInvalid: [401, 'invalid_token', stock.invalid_token],
    accessTokenExpired: [401, 'expired_token', stock.expired_token],
    loginInvalid: [400, 'authentication_error', 'An error occurred during authentication process'],
    refreshInvalid: bad('Invalid refresh_token'),
    tokenUnknown: bad('Invalid string parameter token'),
    activationInvalid: [400, 'access_denied', stock.access_denied],
    clientSuspended: [400, 'unauthorized_client', stock.unauthorized_client],
  },
  ...{
    requestInvalid: bad(stock.invalid_request),
    credentialUnknown: bad('Invalid parameter credentialID'),
    credentialDisabled: bad('The credential identified by credentialID is disabled'),
    certificateExpired: bad("Signing certificate 'O=Trường THPT Hòa Bình,CN=Nguyễn Thị Lan' is expired."),
    certificateStatus: bad('Invalid certificate status'),
    numSignaturesInvalid: bad('Invalid value for parameter numSignatures'),
    numSignaturesTooHigh: bad('Numbers of signatures is too high'),
    digestLength: bad('Invalid digest value length'),
    hashAlgoInvalid: bad('Invalid parameter hashAlgo'),
    signAlgoInvalid: bad('Invalid parameter signAlgo'),
    signAlgoParamsInvalid: bad('Invalid parameter signAlgoParams'),
    pageTokenInvalid: bad('Invalid parameter pageToken'),
  },
  ...{
    pinInvalid: [400, 'invalid_pin', 'The PIN is invalid'],
    pinLocked: bad('PIN locked'),
    pinRefused: [400, 'invalid_pin', 'The PIN is invalid'],
    passwordRefused: bad(stock.invalid_request),
    otpInvalid: [400, 'invalid_otp', 'The OTP is invalid'],
    otpLocked: bad('OTP locked'),
    otpNotOnline: bad('The OTP of this credential is made by the device of its owner'),
    tooManyRequests: [
      ...([429, 'too_many_requests'] as const),
      'A one-time code was sent a moment ago: wait before asking for another.',
    ],
    moveNotAllowed: [400, 'access_denied', stock.access_denied],
  },
  ...{
    sadInvalid: bad('Invalid parameter SAD'),
    sadExpired: bad('SAD expired'),
    hashNotAuthorized: bad('Hash is not authorized by the SAD.'),
    idempotencyKeyInvalid: bad('The header Idempotency-Key has to be 1 to 255 printable ASCII characters'),
    idempotencyKeyReused: [
      ...([422, 'idempotency_key_reused'] as const),
      'This Idempotency-Key came with another request before: make a new one for each request.',
    ],
    requestRunning: [
      ...([409, 'request_running'] as const),
      'The first request with this Idempotency-Key is not answered yet: try again in a moment.',
    ],
  },
  ...{ orderRefused: ours, attestationInvalid: ours, nameRefused: ours, lintRefused: ours, keyReused: ours },
  ...{
    issuerUnknown: ours,
    signatureInvalid: ours,
    approvalMissing: ours,
    lineChanged: ours,
    officerInvalid: ours,
    officerLocked: ours,
  },
  ...{
    unavailable: away,
    busy: away,
    tokenUnavailable: away,
    tokenPinRefused: away,
    keyUnusable: away,
    feedStale: away,
  },
  ...{ clockUntrusted: away, integrity: ours, configuration: ours, document: ours, internal: ours },
};

/**
 * Rows of signHash that no other test here brings about. CSC v1 §11.9 has the first for services that ask for factors at
 * signing; our signer does so before.
 */
const withSign: ErrorKind[] = ['otpInvalid', 'idempotencyKeyInvalid', 'idempotencyKeyReused', 'requestRunning'];

t.test('every kind of refusal has its literal answer, whichever method meets it', async (t) => {
  const { csc, signer } = await sandbox(t);
  const calls = [
    ['credentials/authorize', authorize],
    ['signatures/signHash', sign],
    ['credentials/sendOTP', { credentialID: 'c1' }],
    ['credentials/extendTransaction', { credentialID: 'c1', SAD: 'sad', hash: [h32] }],
  ] as const;
  for (const kind of errorKinds) {
    const refuse = () => {
      throw new KysoError(kind, 'marker-message');
    };
    signer.script['credentials.authorize'] = refuse;
    signer.script['signatures.signHash'] = refuse;
    signer.script['credentials.sendOTP'] = refuse;
    signer.script['credentials.extendTransaction'] = refuse;
    const [status, error, error_description] = literal[kind];
    for (const [method, body] of calls) {
      const answer = await csc(method, body);
      t.equal(answer.statusCode, status, kind);
      t.same(answer.json(), { error, error_description }, kind);
      t.equal(answer.headers['retry-after'], { 503: '5', 429: '30', 409: '1' }[status], kind);
      t.equal(answer.headers['www-authenticate'] !== undefined, status === 401, 'a challenge on 401 and only there');
      if (method === 'signatures/signHash' && withSign.includes(kind)) note(method, answer);
    }
  }
});

t.test('the rows that signer decides', signerRows);

t.test('S26: what nobody foresaw is an opaque 500 with a request id', async (t) => {
  const lines: string[] = [];
  const stream = { write: (line: string) => lines.push(line) };
  const { csc, signer } = await startApi(t, { config: { log: { level: 'info', stream } } });
  const thrown = [
    new TypeError('marker-message'),
    'marker-message',
    undefined,
    Object.assign(new Error('x'), { code: 'E1' }),
  ];
  for (const error of thrown) {
    signer.script['credentials.list'] = () => {
      throw error;
    };
    const answer = await csc('credentials/list', {});
    t.equal(answer.statusCode, 500);
    t.same(answer.json(), { error: 'server_error', error_description: stock.server_error });
    const id = answer.headers['x-request-id'];
    t.ok(
      lines.some((line) => line.includes(`"${id}"`) && line.includes('"failed"')),
      'the log has the id',
    );
  }
  t.notMatch(lines.join(''), 'marker-message', 'and not the message');
});

t.test('auth/login: each row of its table', async (t) => {
  const { app, store } = await startApi(t);
  const login = (headers: Record<string, string>, body: unknown = {}) => post(app, '/csc/v1/auth/login', body, headers);
  const raw = (text: string | Buffer) => ({ authorization: `Basic ${Buffer.from(text as string).toString('base64')}` });
  const good = basic(lan.userID, lan.password);
  const table: [Record<string, string>, number, string, string, unknown?][] = [
    [{}, 401, 'invalid_request', 'Malformed authentication parameter.'],
    [{ authorization: 'Basic' }, 401, 'invalid_request', 'Malformed authentication parameter.'],
    [{ authorization: 'Basic !!!' }, 401, 'invalid_request', 'Malformed authentication parameter.'],
    [{ authorization: 'Basic QQ' }, 401, 'invalid_request', 'Malformed authentication parameter.'],
    [{ authorization: 'Digest QQ==' }, 401, 'invalid_request', 'Malformed authentication parameter.'],
    [{ authorization: `Bearer ${'x'.repeat(20)}` }, 401, 'invalid_request', 'Malformed authentication parameter.'],
    [raw('lan.nguyen'), 400, 'invalid_request', 'Malformed username-password.'],
    [raw(':password'), 400, 'invalid_request', 'Malformed username-password.'],
    [raw('lan.nguyen:'), 400, 'invalid_request', 'Malformed username-password.'],
    [raw(Buffer.from([0x61, 0x3a, 0xff])), 400, 'invalid_request', 'Malformed username-password.'],
    [good, 400, 'invalid_request', 'Invalid string parameter: refresh_token', { refresh_token: 5 }],
    [{}, 400, 'invalid_request', 'Invalid refresh_token', { refresh_token: 'A'.repeat(43) }],
    [{}, 400, 'invalid_request', 'Invalid string parameter: refresh_token', { refresh_token: 'never-issued' }],
    [good, 400, 'invalid_request', 'Invalid parameter rememberMe', { rememberMe: 'true' }],
    [good, 400, 'invalid_request', 'Invalid parameter clientData', { clientData: 5 }],
    [raw('nobody:x'), 400, 'authentication_error', 'An error occurred during authentication process'],
    [raw('lan.nguyen:x'), 400, 'authentication_error', 'An error occurred during authentication process'],
  ];
  for (const [headers, status, error, error_description, body] of table) {
    const answer = await login(headers, body);
    t.equal(answer.statusCode, status, error_description);
    t.same(answer.json(), { error, error_description });
    note('auth/login', answer);
    const challenge = status === 401 ? 'Basic realm="csc", charset="UTF-8"' : undefined;
    t.equal(answer.headers['www-authenticate'], challenge);
  }
  await store.write((tx) => changeClient(tx, 'direct', { suspended: true }));
  const stopped = await login(good);
  t.same([stopped.statusCode, stopped.json().error], [400, 'unauthorized_client']);
  note('auth/login', stopped);
});

t.test('a missing or malformed Authorization header is 400, before anything else', async (t) => {
  const { csc } = await startApi(t);
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer "a"',
    'Token abc',
    'Basic YTpi',
    'bearerabc',
  ]) {
    for (const { name, authentication } of methods) {
      if (authentication !== 'bearer') continue;
      const answer = await csc(name, {}, authorization ? { authorization } : {});
      t.equal(answer.statusCode, 400, `${name} ${authorization}`);
      const text = name === 'credentials/sendOTP' ? 'Malformed authroization header.' : stock.invalid_request;
      t.same(answer.json(), { error: 'invalid_request', error_description: text });
      note(name, answer);
    }
  }
});

t.test('methods and verbs that are not there', async (t) => {
  const { app, token } = await startApi(t);
  const authorization = `Bearer ${token}`;
  for (const url of ['signatures/signDoc', 'oauth2/token', 'nothing', 'info/', 'INFO', '', 'credentials%2Flist']) {
    const answer = await post(app, `/csc/v1/${url}`, {}, { authorization });
    t.equal(answer.statusCode, 501, url);
    t.same(answer.json(), { error: 'not_implemented', error_description: 'The method is not implemented.' });
  }
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH'] as const) {
    const answer = await app.inject({ method, url: '/csc/v1/info?x=1' });
    t.equal(answer.statusCode, 405, method);
    t.equal(answer.headers.allow, 'POST');
  }
  t.equal((await app.inject({ method: 'GET', url: '/elsewhere' })).statusCode, 404);
});

t.test('the tables of CSC v1.0.4.0, our lists of refusals and what was answered are the same rows', async (t) => {
  t.same(Object.keys(cscTables).sort(), methods.map(({ name }) => name).sort(), 'a table for each method');
  for (const { name, errors, malformedHeader, authentication } of methods) {
    for (const [status, error, text] of cscTables[name]!)
      t.ok(reached(name, status, error, text), `${name}, a row of its table: ${text}`);
    const own = [...errors, ...(authentication === 'bearer' ? [malformedHeader] : [])];
    for (const { status, error, text } of own)
      t.ok(reached(name, status, error, text), `${name}, a text of the code: ${text}`);
    const known = [...own.map(({ text }) => text), stock.invalid_request];
    for (const [, , text] of reachedOf(name)) t.ok(known.includes(text), `${name}, an answer in the document: ${text}`);
  }
});
