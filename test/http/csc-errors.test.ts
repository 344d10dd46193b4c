import { randomBytes } from 'node:crypto';
import t from 'tap';
import { type ErrorKind, errorKinds, KysoError } from '../../src/base/errors.ts';
import { methods } from '../../src/http/csc/methods.ts';
import { lanCertificate } from './certificates.ts';
import { cscTables } from './csc-tables.ts';
import { basic, type CredentialInfo, lan, post, type Sandbox, startApi } from './helpers.ts';

const stock = {
  invalid_request:
    'The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed.',
  server_error:
    'The authorization server encountered an unexpected condition that prevented it from fulfilling the request.',
  temporarily_unavailable:
    'The authorization server is currently unable to handle the request due to a temporary overloading or maintenance of the server.',
  unauthorized_client: 'The client is not authorized to use this method.',
  expired_token: 'The access or refresh token is expired or has been revoked.',
  invalid_token: 'The token provided is not a valid OAuth access or refresh token.',
};

const h32 = randomBytes(32).toString('base64');
const h48 = randomBytes(48).toString('base64');
const enabled: CredentialInfo = {
  keyStatus: 'enabled',
  keyType: 'EC-P256',
  certStatus: 'valid',
  signAlgos: ['1.2.840.10045.4.3.2'],
  otp: 'totp',
  chain: [lanCertificate],
};

/** The error answers that the tests of this file have got, by method. */
const reached = new Set<string>();
const keyOf = (method: string, status: number, error: string, text: string) =>
  JSON.stringify([method, status, error, text]);

function note(
  method: string,
  answer: { statusCode: number; json(): { error: string; error_description: string } },
): void {
  const { error, error_description: text } = answer.json();
  reached.add(keyOf(method, answer.statusCode, error, text));
}
const pss = '1.2.840.113549.1.1.10';
const authorize = { credentialID: 'c1', numSignatures: 1, hash: [h32], PIN: '12345678', OTP: '123456' };
const sign = { credentialID: 'c1', SAD: 'sad', hash: [h32], signAlgo: '1.2.840.10045.4.3.2' };
const missing = (type: string, name: string) => `Missing (or invalid type) ${type} parameter ${name}`;

async function sandbox(t: Parameters<typeof startApi>[0]): Promise<Sandbox> {
  const sandbox = await startApi(t);
  sandbox.signer.script['credentials.info'] = ({ credentialID }) => {
    if (credentialID === 'foreign') throw new KysoError('credentialUnknown');
    return { ...enabled, keyStatus: credentialID === 'off' ? 'disabled' : 'enabled' };
  };
  return sandbox;
}

/** [what is changed in a good request, error_description, error]; the first row that fits answers, in the spec's order. */
type Case = [changes: Record<string, unknown>, text: string, error?: string];

const tables: [method: string, good: object, cases: Case[]][] = [
  ['info', {}, [[{ lang: 5 }, 'Invalid parameter lang']]],
  [
    'credentials/list',
    {},
    [
      [{ pageToken: 'never-issued' }, 'Invalid parameter pageToken'],
      [{ pageToken: 5 }, 'Invalid parameter pageToken'],
      [{ userID: 'lan.nguyen' }, 'userID parameter MUST be null'],
      [{ userID: 5 }, 'userID parameter MUST be null'],
      [{ userID: 'lan.nguyen', pageToken: 'x' }, 'Invalid parameter pageToken'],
      [{ clientData: {} }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'credentials/info',
    { credentialID: 'c1' },
    [
      [{ credentialID: undefined }, missing('string', 'credentialID')],
      [{ credentialID: null, certificates: 'all' }, missing('string', 'credentialID')],
      [{ credentialID: ['c1'] }, missing('string', 'credentialID')],
      [{ credentialID: '' }, 'Invalid parameter credentialID'],
      [{ credentialID: '../c1' }, 'Invalid parameter credentialID'],
      [{ credentialID: 'x'.repeat(65) }, 'Invalid parameter credentialID'],
      [{ credentialID: 'foreign' }, 'Invalid parameter credentialID'],
      [{ credentialID: 'foreign', certificates: 'all' }, 'Invalid parameter credentialID'],
      [{ certificates: 'all' }, 'Invalid parameter certificates'],
      [{ certificates: true }, 'Invalid parameter certificates'],
      [{ certInfo: 'true' }, 'Invalid parameter certInfo'],
      [{ authInfo: 1 }, 'Invalid parameter authInfo'],
      [{ lang: 1 }, 'Invalid parameter lang'],
    ],
  ],
  [
    'credentials/authorize',
    authorize,
    [
      [{ credentialID: undefined, numSignatures: 0 }, missing('string', 'credentialID')],
      [{ credentialID: 'foreign', numSignatures: 0, PIN: undefined }, 'Invalid parameter credentialID'],
      [{ credentialID: 'off', numSignatures: 0 }, 'The credential identified by credentialID is disabled'],
      [{ numSignatures: undefined }, missing('integer', 'numSignatures')],
      [{ numSignatures: '1' }, missing('integer', 'numSignatures')],
      [{ numSignatures: 1.5 }, missing('integer', 'numSignatures')],
      [{ numSignatures: true }, missing('integer', 'numSignatures')],
      [{ numSignatures: 0 }, 'Invalid value for parameter numSignatures'],
      [{ numSignatures: -1, hash: undefined }, 'Invalid value for parameter numSignatures'],
      [{ numSignatures: 1001 }, 'Numbers of signatures is too high'],
      [{ numSignatures: 1e300 }, 'Numbers of signatures is too high'],
      [{ hash: undefined }, missing('array', 'hash')],
      [{ hash: h32 }, missing('array', 'hash')],
      [{ hash: [] }, 'Empty hash array'],
      [{ hash: Array(1001).fill(h32) }, 'Numbers of signatures is too high'],
      [{ hash: [''] }, 'Invalid Base64 hash string parameter'],
      [{ hash: [null] }, 'Invalid Base64 hash string parameter'],
      [{ hash: [5] }, 'Invalid Base64 hash string parameter'],
      [{ hash: [`${h32}\n`] }, 'Invalid Base64 hash string parameter'],
      [{ hash: [h32, '!!!!'], numSignatures: 2 }, 'Invalid Base64 hash string parameter'],
      [{ hash: [randomBytes(20).toString('base64')] }, 'Invalid digest value length'],
      [{ hash: [randomBytes(100).toString('base64')] }, 'Invalid digest value length'],
      [{ hash: [h32, h48], numSignatures: 2 }, 'Invalid digest value length'],
      [{ hash: [h32, h32] }, 'Invalid value for parameter numSignatures'],
      [{ numSignatures: 2 }, 'Invalid value for parameter numSignatures'],
      [{ OTP: undefined, PIN: undefined }, 'The OTP is invalid', 'invalid_otp'],
      [{ OTP: 123456 }, 'The OTP is invalid', 'invalid_otp'],
      [{ OTP: '' }, 'The OTP is invalid', 'invalid_otp'],
      [{ OTP: '1'.repeat(17) }, 'The OTP is invalid', 'invalid_otp'],
      [{ PIN: undefined }, 'The PIN is invalid', 'invalid_pin'],
      [{ PIN: '' }, 'The PIN is invalid', 'invalid_pin'],
      [{ PIN: 12345678 }, 'The PIN is invalid', 'invalid_pin'],
      [{ PIN: '1'.repeat(257) }, 'The PIN is invalid', 'invalid_pin'],
      [{ description: 'x'.repeat(501) }, 'Invalid parameter description'],
      [{ clientData: 1 }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'credentials/sendOTP',
    { credentialID: 'c1' },
    [
      [{ credentialID: undefined }, missing('string', 'credentialID')],
      [{ credentialID: 5 }, missing('string', 'credentialID')],
      [{ credentialID: '../c1' }, 'Invalid parameter credentialID'],
      [{ clientData: 5 }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'credentials/extendTransaction',
    { credentialID: 'c1', SAD: 'sad', hash: [h32] },
    [
      [{ credentialID: undefined, SAD: undefined }, missing('string', 'credentialID')],
      [{ credentialID: 'foreign', hash: [] }, 'Invalid parameter credentialID'],
      [{ hash: h32 }, missing('array', 'hash')],
      [{ hash: [] }, 'Empty hash array'],
      [{ hash: ['?'] }, 'Invalid Base64 hash string parameter'],
      [{ hash: [h32, h48] }, 'Invalid digest value length'],
      [{ SAD: undefined }, missing('string', 'SAD')],
      [{ SAD: '' }, 'Invalid parameter SAD'],
      [{ clientData: 5 }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'auth/revoke',
    { token: 'x' },
    [
      [{ token: undefined, token_type_hint: 'x' }, missing('string', 'token')],
      [{ token: 5 }, missing('string', 'token')],
      [{ token_type_hint: 'id_token' }, 'Invalid string parameter token_type_hint'],
      [{ token_type_hint: 5 }, 'Invalid string parameter token_type_hint'],
      [{ token: '' }, 'Invalid string parameter token'],
      [{}, 'Invalid string parameter token'],
      [{ clientData: 5 }, 'Invalid parameter clientData'],
    ],
  ],
  [
    'signatures/signHash',
    sign,
    [
      [{ SAD: undefined, credentialID: undefined }, missing('string', 'SAD')],
      [{ SAD: 5 }, missing('string', 'SAD')],
      [{ SAD: '' }, 'Invalid parameter SAD'],
      [{ SAD: 'x'.repeat(257), credentialID: undefined }, 'Invalid parameter SAD'],
      [{ credentialID: undefined, hash: undefined }, missing('string', 'credentialID')],
      [{ credentialID: 'foreign', hash: [] }, 'Invalid parameter credentialID'],
      [{ hash: undefined, signAlgo: undefined }, missing('array', 'hash')],
      [{ hash: { 0: h32 } }, missing('array', 'hash')],
      [{ hash: [] }, 'Empty hash array'],
      [{ hash: Array(1001).fill(h32) }, 'Numbers of signatures is too high'],
      [{ hash: ['AB=='], signAlgo: undefined }, 'Invalid Base64 hash string parameter'],
      [{ signAlgo: undefined, hashAlgo: 5 }, missing('string', 'signAlgo')],
      [{ signAlgo: 5 }, missing('string', 'signAlgo')],
      [{ signAlgoParams: 5 }, missing('string', 'signAlgoParams')],
      [{ signAlgo: pss }, missing('string', 'signAlgoParams')],
      [{ signAlgo: pss, hashAlgo: '2.16.840.1.101.3.4.2.1' }, missing('string', 'signAlgoParams')],
      [{ signAlgo: pss, signAlgoParams: 'AA==', hashAlgo: '1.3.14.3.2.26' }, 'Invalid parameter hashAlgo'],
      [{ signAlgo: pss, signAlgoParams: 'not base64' }, 'Invalid parameter signAlgoParams'],
      [{ signAlgo: pss, signAlgoParams: 'A'.repeat(2000) }, 'Invalid parameter signAlgoParams'],
      [{ signAlgo: '1.2.840.113549.1.1.1' }, missing('string', 'hashAlgo')],
      [{ signAlgo: '1.2.840.113549.1.1.1', hashAlgo: 5 }, missing('string', 'hashAlgo')],
      [{ signAlgo: '1.2.840.113549.1.1.1', hashAlgo: '1.3.14.3.2.26' }, 'Invalid parameter hashAlgo'],
      [{ signAlgo: '1.2.840.113549.1.1.1', hashAlgo: 'SHA-256' }, 'Invalid parameter hashAlgo'],
      [{ signAlgo: 'RSA' }, 'Invalid parameter signAlgo'],
      [{ signAlgo: '' }, 'Invalid parameter signAlgo'],
      [{ signAlgo: '1.2.840.113549.1.1.5' }, 'Invalid parameter signAlgo'],
      [{ clientData: [] }, 'Invalid parameter clientData'],
      [{ hash: [randomBytes(31).toString('base64')] }, 'Invalid digest value length'],
      [{ hash: [h32, h48] }, 'Invalid digest value length'],
    ],
  ],
];

for (const [method, good, cases] of tables) {
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
    t.same([...asked], [], 'the call itself never reached signer');
    for (const body of [[], '"x"', 5, 'true', [good]]) {
      t.same((await csc(method, body)).json(), { error: 'invalid_request', error_description: stock.invalid_request });
    }
  });
}

/** What signer may refuse, and the row that comes of it. */
const fromSigner: Partial<Record<ErrorKind, [status: number, error: string, text: string]>> = {
  credentialUnknown: [400, 'invalid_request', 'Invalid parameter credentialID'],
  credentialDisabled: [400, 'invalid_request', 'The credential identified by credentialID is disabled'],
  certificateExpired: [
    400,
    'invalid_request',
    "Signing certificate 'O=Trường THPT Hòa Bình,CN=Nguyễn Thị Lan' is expired.",
  ],
  certificateStatus: [400, 'invalid_request', 'Invalid certificate status'],
  numSignaturesInvalid: [400, 'invalid_request', 'Invalid value for parameter numSignatures'],
  numSignaturesTooHigh: [400, 'invalid_request', 'Numbers of signatures is too high'],
  digestLength: [400, 'invalid_request', 'Invalid digest value length'],
  signAlgoParamsInvalid: [400, 'invalid_request', 'Invalid parameter signAlgoParams'],
  hashAlgoInvalid: [400, 'invalid_request', 'Invalid parameter hashAlgo'],
  signAlgoInvalid: [400, 'invalid_request', 'Invalid parameter signAlgo'],
  pinInvalid: [400, 'invalid_pin', 'The PIN is invalid'],
  pinLocked: [400, 'invalid_request', 'PIN locked'],
  otpInvalid: [400, 'invalid_otp', 'The OTP is invalid'],
  otpLocked: [400, 'invalid_request', 'OTP locked'],
  otpNotOnline: [400, 'invalid_request', 'The OTP of this credential is made by the device of its owner'],
  sadInvalid: [400, 'invalid_request', 'Invalid parameter SAD'],
  sadExpired: [400, 'invalid_request', 'SAD expired'],
  hashNotAuthorized: [400, 'invalid_request', 'Hash is not authorized by the SAD.'],
  requestInvalid: [400, 'invalid_request', stock.invalid_request],
  unavailable: [503, 'temporarily_unavailable', stock.temporarily_unavailable],
  busy: [503, 'temporarily_unavailable', stock.temporarily_unavailable],
  tokenUnavailable: [503, 'temporarily_unavailable', stock.temporarily_unavailable],
  tokenPinRefused: [503, 'temporarily_unavailable', stock.temporarily_unavailable],
  feedStale: [503, 'temporarily_unavailable', stock.temporarily_unavailable],
  clockUntrusted: [503, 'temporarily_unavailable', stock.temporarily_unavailable],
  integrity: [500, 'server_error', stock.server_error],
  internal: [500, 'server_error', stock.server_error],
};

t.test('every kind that signer may refuse with has its literal answer', async (t) => {
  const { csc, signer } = await sandbox(t);
  for (const [kind, [status, error, error_description]] of Object.entries(fromSigner)) {
    const refuse = () => {
      throw new KysoError(kind as ErrorKind, 'marker-message');
    };
    signer.script['credentials.authorize'] = refuse;
    signer.script['signatures.signHash'] = refuse;
    signer.script['credentials.sendOTP'] = refuse;
    signer.script['credentials.extendTransaction'] = refuse;
    const extend = { credentialID: 'c1', SAD: 'sad', hash: [h32] };
    for (const [method, body] of [
      ['credentials/authorize', authorize],
      ['signatures/signHash', sign],
      ['credentials/sendOTP', { credentialID: 'c1' }],
      ['credentials/extendTransaction', extend],
    ] as const) {
      const answer = await csc(method, body);
      // The two that never sign do not say whose certificate it is.
      if (kind === 'certificateExpired' && !['credentials/authorize', 'signatures/signHash'].includes(method)) continue;
      note(method, answer);
      t.equal(answer.statusCode, status, kind);
      t.same(answer.json(), { error, error_description }, kind);
      t.equal(answer.headers['retry-after'], status === 503 ? '5' : undefined);
    }
  }
});

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
  for (const kind of errorKinds) {
    signer.script['credentials.list'] = () => {
      throw new KysoError(kind);
    };
    const { statusCode, headers } = await csc('credentials/list', {});
    t.ok([400, 401, 429, 500, 503].includes(statusCode), kind);
    t.equal(statusCode === 401, headers['www-authenticate'] !== undefined, 'a challenge on 401 and only there');
  }
});

t.test('auth/login: each row of its table', async (t) => {
  const { app } = await startApi(t);
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
  for (const url of ['signatures/timestamp', 'oauth2/token', 'nothing', 'info/', 'INFO', '', 'credentials%2Flist']) {
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

t.test('every row of the error tables of CSC v1.0.4.0 was reached by a test of this file', async (t) => {
  t.same(
    Object.keys(cscTables).sort(),
    methods.map(({ name }) => name).sort(),
    'the tables are those of the methods that there are',
  );
  for (const [method, rows] of Object.entries(cscTables)) {
    for (const [status, error, text] of rows)
      t.ok(reached.has(keyOf(method, status, error, text)), `${method}: ${text}`);
  }
});
