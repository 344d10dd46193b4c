import { randomBytes } from 'node:crypto';
import t from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { methods } from '../../src/http/csc/methods.ts';
import { pageTokens } from '../../src/http/csc/page-tokens.ts';
import { changeClient } from '../../src/store/api/clients.ts';
import { lanCertificate, testCa } from './certificates.ts';
import { basic, type CredentialInfo, lan, post, startApi } from './helpers.ts';

const digest = () => randomBytes(32);
const credential: CredentialInfo = {
  keyStatus: 'enabled',
  keyType: 'EC-P256',
  certStatus: 'valid',
  signAlgos: ['1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4'],
  otp: 'totp',
  chain: [lanCertificate, testCa],
};

t.test('info is truthful and needs no token', async (t) => {
  const { app } = await startApi(t);
  const answer = await post(app, '/csc/v1/info', {});
  t.equal(answer.statusCode, 200);
  t.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
  const { description, ...rest } = answer.json();
  t.same(rest, {
    specs: '1.0.4.0',
    name: 'Kyso',
    logo: 'https://sign.example.vn/logo.png',
    region: 'VN',
    lang: 'en-US',
    authType: ['basic'],
    methods: [
      'info',
      'auth/login',
      'auth/revoke',
      'credentials/list',
      'credentials/info',
      'credentials/authorize',
      'credentials/extendTransaction',
      'credentials/sendOTP',
      'signatures/signHash',
      'signatures/timestamp',
    ],
  });
  t.ok(description.length <= 255);
  for (const name of rest.methods) {
    t.not((await post(app, `/csc/v1/${name}`, {})).statusCode, 501, `${name} is there`);
  }
  t.equal(
    (await post(app, '/csc/v1/info', { lang: 'vil' })).json().lang,
    'en-US',
    'another language that begins alike',
  );
  const inVietnamese = (await post(app, '/csc/v1/info', { lang: 'vi' })).json();
  t.equal(inVietnamese.lang, 'vi-VN');
  t.match(inVietnamese.description, /Ký số từ xa/);
  t.equal(
    (await post(app, '/csc/v1/info', { lang: 'fr' })).json().lang,
    'en-US',
    'another language: the answer says which',
  );
  t.equal((await post(app, '/csc/v1/info', { lang: null, clientData: null })).statusCode, 200, 'null is absent');
  t.equal((await app.inject({ method: 'POST', url: '/csc/v1/info' })).statusCode, 200, 'no body is no members');
  for (const url of ['//csc/v1/info', '/csc//v1/info', '/csc/v1///info?x=//'])
    t.equal((await post(app, url, {})).statusCode, 200, `${url}: a base that ends with a slash`);

  const logo = await app.inject({ method: 'GET', url: '/logo.png' });
  t.equal(logo.headers['content-type'], 'image/png');
  const png = logo.rawPayload;
  t.same([png.readUInt32BE(16), png.readUInt32BE(20)], [128, 128], 'at most 256 pixels wide and high');
});

t.test('auth/login answers a token that works', async (t) => {
  const { app, csc, signer } = await startApi(t);
  const answer = await post(
    app,
    '/csc/v1/auth/login',
    { rememberMe: false, unknown: 1 },
    basic(lan.userID, lan.password),
  );
  t.equal(answer.statusCode, 200);
  const { access_token, ...rest } = answer.json();
  t.same(rest, { expires_in: 3600 }, 'no refresh token that nobody asked for');
  signer.script['credentials.list'] = () => ({ credentialIDs: ['c1'], more: false });
  const listed = await csc('credentials/list', {}, { authorization: `bearer ${access_token}` });
  t.same(listed.json(), { credentialIDs: ['c1'] });
  const decomposed = await post(app, '/csc/v1/auth/login', {}, basic(lan.userID, lan.password.normalize('NFD')));
  t.equal(decomposed.statusCode, 200, 'Vietnamese letters in several code points are the same password');
});

t.test('credentials/list answers the caller’s own', async (t) => {
  const { csc, signer } = await startApi(t);
  const ids = Array.from({ length: 120 }, (_, n) => `c${n}`);
  signer.script['credentials.list'] = ({ subscriber, after, limit }) => {
    const start = after === undefined ? 0 : ids.indexOf(after) + 1;
    const credentialIDs = subscriber === lan.subscriber ? ids.slice(start, start + limit) : [];
    return { credentialIDs, more: start + limit < ids.length };
  };
  for (const maxResults of [undefined, null, 0, -1, 1.5, 1e9, '5', {}, true]) {
    const answer = await csc('credentials/list', { maxResults });
    t.equal(answer.json().credentialIDs.length, 100, `maxResults ${JSON.stringify(maxResults)} means our own maximum`);
  }
  for (const maxResults of [1, 5, 20, 120]) {
    const seen: string[] = [];
    let page: { credentialIDs: string[]; nextPageToken?: string } = { credentialIDs: [] };
    let pages = 0;
    do {
      const { nextPageToken: pageToken } = page;
      page = (await csc('credentials/list', { maxResults, pageToken })).json();
      seen.push(...page.credentialIDs);
      pages += 1;
    } while (page.nextPageToken !== undefined);
    t.same(seen, ids, `pages of ${maxResults}: all of them, once, in order`);
    t.equal(pages, Math.ceil(120 / Math.min(maxResults, 100)));
  }
  const { nextPageToken } = (await csc('credentials/list', { maxResults: 2 })).json();
  const invalid = { error: 'invalid_request', error_description: 'Invalid parameter pageToken' };
  const flipped = `${nextPageToken.slice(0, -1)}${nextPageToken.endsWith('A') ? 'B' : 'A'}`;
  for (const pageToken of [flipped, `${nextPageToken}AA`, 'c1', '', Buffer.from('c1').toString('base64url')])
    t.same((await csc('credentials/list', { pageToken })).json(), invalid, 'a page token that we did not issue');
  const keys = { secret: Buffer.alloc(32, 1), kid: 'k' };
  t.equal(pageTokens(keys).read('sub-binh', pageTokens(keys).issue('sub-lan', 'c1')), undefined, 'nor one of another');
  t.equal(pageTokens(keys).read('sub-lan', pageTokens(keys).issue('sub-lan', 'c1')), 'c1');
  signer.script['credentials.list'] = () => ({ credentialIDs: [], more: false });
  t.same((await csc('credentials/list', { userID: null })).json(), { credentialIDs: [] }, 'none is an empty list');
});

t.test('S14, S18: credentials/info says what a credential is, how many it signs at once, and SCAL "2"', async (t) => {
  const { csc, signer } = await startApi(t);
  signer.script['credentials.info'] = () => credential;
  const answer = await csc('credentials/info', { credentialID: 'c1' });
  t.same(answer.json(), {
    description: 'Signing key, released by PIN and one-time code (EC-P256)',
    key: {
      status: 'enabled',
      algo: ['1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4'],
      len: 256,
      curve: '1.2.840.10045.3.1.7',
    },
    cert: { status: 'valid', certificates: [lanCertificate] },
    authMode: 'explicit',
    SCAL: '2',
    multisign: 1000,
    lang: 'en-US',
  });
  t.same(signer.calls.at(-1)?.params, { subscriber: lan.subscriber, credentialID: 'c1' });

  const chain = (await csc('credentials/info', { credentialID: 'c1', certificates: 'chain' })).json();
  t.same(chain.cert.certificates, [lanCertificate, testCa], 'end entity first');
  const none = (await csc('credentials/info', { credentialID: 'c1', certificates: 'none', certInfo: true })).json();
  t.same(none.cert, {
    status: 'valid',
    issuerDN: 'CN=Test CA,O=Kyso Test,C=VN',
    subjectDN: 'CN=Nguyễn Thị Lan,OU=Tổ Toán,O=Trường THPT Hòa Bình,C=VN',
    serialNumber: '0A1B2C',
    validFrom: '20260102030405Z',
    validTo: '20270102030405Z',
  });

  const withAuth = (await csc('credentials/info', { credentialID: 'c1', authInfo: true, lang: 'vi-VN' })).json();
  t.equal(withAuth.lang, 'vi-VN');
  t.match(withAuth.PIN, { presence: 'true', format: 'A', label: 'Mã PIN' });
  t.match(withAuth.OTP, { presence: 'true', type: 'offline', format: 'N', ID: 'totp', provider: 'totp' });

  signer.script['credentials.info'] = () => ({
    ...credential,
    keyType: 'RSA-2048',
    signAlgos: ['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.1'],
    otp: 'email',
    keyStatus: 'disabled',
    certStatus: 'suspended',
  });
  const rsa = (await csc('credentials/info', { credentialID: 'c1', certificates: 'none' })).json();
  t.same(rsa.key, {
    status: 'disabled',
    algo: ['1.2.840.113549.1.1.11', '1.2.840.113549.1.1.1'],
    len: 2048,
  });
  t.same(rsa.cert, { status: 'suspended' });
  t.notOk('PIN' in rsa || 'OTP' in rsa, 'no factors without authInfo');
  const byMail = (await csc('credentials/info', { credentialID: 'c1', authInfo: true })).json();
  t.match(byMail.OTP, { presence: 'true', type: 'online', format: 'N', ID: 'email', provider: 'email' });
});

t.test('credentials/authorize hands everything to signer', async (t) => {
  const { csc, signer } = await startApi(t);
  signer.script['credentials.authorize'] = () => ({ sad: 'the-sad', expiresIn: 300 });
  const digests = [digest(), digest(), digest(), digest()];
  const spellings = ['base64', 'base64url', 'base64', 'base64'] as const;
  const hash = digests.map((bytes, n) => bytes.toString(spellings[n]));
  hash[2] = hash[2]!.replace(/=+$/, '');
  const body = {
    credentialID: 'c1',
    numSignatures: 4,
    hash,
    PIN: 'mã-pin-bí-mật',
    OTP: '123456',
    description: 'x',
    other: [],
  };
  const answer = await csc('credentials/authorize', body);
  t.same(answer.json(), { SAD: 'the-sad', expiresIn: 300 });
  const { request, grant, ...params } = signer.calls.at(-1)!.params as Record<string, unknown>;
  t.same(params, {
    subscriber: lan.subscriber,
    client: 'direct',
    credentialID: 'c1',
    numSignatures: 4,
    openSlots: false,
    hashes: digests.map((bytes) => bytes.toString('base64')),
    pin: 'mã-pin-bí-mật',
    otp: '123456',
  });
  t.equal(request, answer.headers['x-request-id'], 'the request id goes along');
  t.match(grant, /^[\w-]{22}$/);
});

t.test('signatures/signHash, up to 1,000 hashes', async (t) => {
  const { csc, signer } = await startApi(t);
  signer.script['signatures.signHash'] = ({ hashes }) => ({ signatures: hashes });
  const hash = Array.from({ length: 1000 }, () => randomBytes(64).toString('base64'));
  const body = {
    credentialID: 'c1',
    SAD: 's',
    hash,
    signAlgo: '1.2.840.113549.1.1.13',
    hashAlgo: 7,
    signAlgoParams: null,
  };
  const answer = await csc('signatures/signHash', body);
  t.same(answer.json(), { signatures: hash }, 'in the order of the request');
  t.notOk('hashAlgo' in (signer.calls.at(-1)!.params as object), 'hashAlgo is ignored where signAlgo implies the hash');
  const slashes = hash.map(() => Buffer.alloc(64, 255).toString('base64'));
  const escaped = JSON.stringify({ ...body, hash: slashes }).replaceAll('/', '\\/');
  t.equal((await csc('signatures/signHash', escaped)).statusCode, 200, 'also where every slash is escaped');

  const named = {
    ...body,
    hash: [digest().toString('base64')],
    signAlgo: '1.2.840.113549.1.1.1',
    hashAlgo: '2.16.840.1.101.3.4.2.1',
  };
  t.equal((await csc('signatures/signHash', named)).statusCode, 200);
  t.equal((signer.calls.at(-1)!.params as { hashAlgo?: string }).hashAlgo, '2.16.840.1.101.3.4.2.1');
});

t.test('credentials/sendOTP and extendTransaction', async (t) => {
  const { csc, signer } = await startApi(t);
  signer.script['credentials.sendOTP'] = () => ({});
  const sent = await csc('credentials/sendOTP', { credentialID: 'c1' });
  t.same([sent.statusCode, sent.body], [204, '']);
  t.match(signer.calls.at(-1), { method: 'credentials.sendOTP', params: { subscriber: lan.subscriber } });
  signer.script['credentials.sendOTP'] = () => {
    throw new KysoError('tooManyRequests');
  };
  const tooMany = await csc('credentials/sendOTP', { credentialID: 'c1' });
  t.same([tooMany.statusCode, tooMany.json().error, tooMany.headers['retry-after']], [429, 'too_many_requests', '30']);

  signer.script['credentials.info'] = () => credential;
  signer.script['credentials.extendTransaction'] = () => ({ sad: 'next', expiresIn: 299 });
  const bytes = digest();
  const hash = [bytes.toString('base64url')];
  const extended = await csc('credentials/extendTransaction', { credentialID: 'c1', SAD: 'sad', hash });
  t.same(extended.json(), { SAD: 'next', expiresIn: 299 });
  t.match(signer.calls.at(-1)?.params, { sad: 'sad', hashes: [bytes.toString('base64')], client: 'direct' });
  await csc('credentials/extendTransaction', { credentialID: 'c1', SAD: 'sad' });
  t.match(signer.calls.at(-1)?.params, { hashes: [] }, 'without hashes it only renews');
});

t.test('what a client may do because it cannot do otherwise, and only when it is switched on', async (t) => {
  const { csc, signer, store } = await startApi(t);
  const set = (switches: object) =>
    store.write((tx) => changeClient(tx, 'direct', { switches: JSON.stringify(switches) }));
  signer.script['credentials.info'] = () => credential;
  signer.script['credentials.authorize'] = () => ({ sad: 's', expiresIn: 300 });
  signer.script['credentials.sendOTP'] = () => ({});
  signer.script['sad.check'] = () => ({});
  signer.script['signatures.signHash'] = ({ hashes }) => ({ signatures: hashes });
  const hash = [digest().toString('base64')];
  const factors = { PIN: '12345678', OTP: '123456' };
  const authorize = (numSignatures: unknown) =>
    csc('credentials/authorize', { credentialID: 'c1', numSignatures, hash, ...factors });
  const sendOTP = () => csc('credentials/sendOTP', { credentialID: 'c1' });
  const pss = (hashAlgo?: string) =>
    csc('signatures/signHash', { credentialID: 'c1', SAD: 's', hash, signAlgo: '1.2.840.113549.1.1.10', hashAlgo });
  const sha256 = '2.16.840.1.101.3.4.2.1';
  const statuses = async () =>
    [await authorize('1'), await authorize(3), await sendOTP(), await pss(sha256)].map(({ statusCode }) => statusCode);

  t.same(await statuses(), [400, 400, 204, 400], 'all off at first');
  await set({ numSignaturesAsText: true });
  t.same(await statuses(), [200, 400, 204, 400]);
  for (const text of ['', ' 1', '1.0', '+1', '0x1', '1e0', '-1'])
    t.equal((await authorize(text)).statusCode, 400, text);
  await set({ openSlots: true });
  t.same(await statuses(), [400, 200, 204, 400]);
  t.match(signer.calls.findLast(({ method }) => method === 'credentials.authorize')?.params, {
    ...{ openSlots: true, numSignatures: 3 },
  });
  await set({ sendOtpBody: true });
  t.same(await statuses(), [400, 400, 200, 400]);
  t.same((await sendOTP()).json(), {});
  await set({ pssDefaults: true });
  t.same(await statuses(), [400, 400, 204, 200]);
  t.match(signer.calls.at(-1)?.params, {
    signAlgoParams: 'MDSgDzANBglghkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgEg',
  });
  t.equal((await pss()).statusCode, 400, 'without hashAlgo there is no default');
});

t.test('S32: without a token nothing but info and login answers', async (t) => {
  const { app, signer } = await startApi(t);
  for (const { name, authentication } of methods) {
    if (authentication !== 'bearer') continue;
    const { statusCode } = await post(app, `/csc/v1/${name}`, { credentialID: 'c1' });
    t.equal(statusCode, 400, name);
  }
  t.same(signer.calls, [], 'and signer hears of nothing');
});
