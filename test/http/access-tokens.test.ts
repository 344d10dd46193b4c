import { createHmac } from 'node:crypto';
import t from 'tap';
import { changeClient } from '../../src/store/api/clients.ts';
import { insertAccessToken, insertGrant, revokeGrant } from '../../src/store/api/grants.ts';
import { settingOr } from '../../src/store/api/settings.ts';
import { lan, type Sandbox, startApi, startOfTests } from './helpers.ts';

const json = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part: string | undefined) => JSON.parse(Buffer.from(part ?? '', 'base64url').toString());

/** What a forger with the right key could make: header and claims changed, signed by the algorithm that `alg` names. */
async function forger({ store, token }: Sandbox) {
  const secret = Buffer.from(await store.write((tx) => settingOr(tx, 'accessTokenKey', '')), 'base64');
  const [header, claims] = token.split('.').map((part, index) => (index < 2 ? decode(part) : undefined));
  const sign = (input: string, hash = 'sha256', key: Buffer = secret) =>
    `${input}.${createHmac(hash, key).update(input).digest('base64url')}`;
  return {
    secret,
    header,
    claims,
    sign,
    forge: (changes: object = {}, headerChanges: object = {}, hash?: string, key?: Buffer) =>
      sign(`${json({ ...header, ...headerChanges })}.${json({ ...claims, ...changes })}`, hash, key),
  };
}

async function open(t: Parameters<typeof startApi>[0]) {
  const sandbox = await startApi(t);
  sandbox.signer.script['credentials.list'] = () => ({ credentialIDs: [], more: false });
  const list = (token: string) => sandbox.csc('credentials/list', {}, { authorization: `Bearer ${token}` });
  return { ...sandbox, list, forger: await forger(sandbox) };
}

t.test('a token says what it must', async (t) => {
  const { forger, list } = await open(t);
  t.match(forger.header, { alg: 'HS256', typ: 'at+jwt', kid: /^[\w-]{12}$/ });
  const now = startOfTests / 1000;
  t.match(forger.claims, {
    iss: 'https://sign.example.vn',
    aud: 'https://sign.example.vn/csc',
    sub: lan.subscriber,
    client: 'direct',
    grant: /^[\w-]{22}$/,
    jti: /^[\w-]{22}$/,
    iat: now,
    exp: now + 3600,
  });
  t.equal(forger.secret.length, 32, 'the key has 256 bits');
  t.equal((await list(forger.forge())).statusCode, 200, 'the forger makes good tokens where nothing is changed');
});

t.test('S35: forged and foreign tokens are 401, never 500', async (t) => {
  const { forger, list, token } = await open(t);
  const { forge, sign, header, claims } = forger;
  const now = startOfTests / 1000;
  const input = `${json(header)}.${json(claims)}`;
  const table: [string, string][] = [
    ['nonsense', 'abc'],
    ['two parts', token.split('.').slice(0, 2).join('.')],
    ['four parts', `${token}.x`],
    ['no signature', `${input}.`],
    ['alg none', `${json({ ...header, alg: 'none' })}.${json(claims)}.`],
    ['alg none, signed', forge({}, { alg: 'none' })],
    ['alg HS512', forge({}, { alg: 'HS512' }, 'sha512')],
    ['alg HS384', forge({}, { alg: 'HS384' }, 'sha384')],
    ['alg RS256', forge({}, { alg: 'RS256' })],
    ['alg missing', forge({}, { alg: undefined })],
    ['alg in an array', forge({}, { alg: ['HS256'] })],
    ['another key', forge({}, {}, 'sha256', Buffer.alloc(32, 1))],
    ['an empty key', forge({}, {}, 'sha256', Buffer.alloc(0))],
    ['kid of another key', forge({}, { kid: 'another' })],
    ['no kid', forge({}, { kid: undefined })],
    ['typ JWT', forge({}, { typ: 'JWT' })],
    ['no typ', forge({}, { typ: undefined })],
    ['an unknown crit', forge({}, { crit: ['x'], x: 1 })],
    ['crit without its header', forge({}, { crit: ['exp'] })],
    ['another issuer', forge({ iss: 'https://evil.example' })],
    ['issuers', forge({ iss: ['https://sign.example.vn'] })],
    ['no issuer', forge({ iss: undefined })],
    ['another audience', forge({ aud: 'https://sign.example.vn' })],
    ['audiences', forge({ aud: ['https://sign.example.vn/csc', 'other'] })],
    ['no audience', forge({ aud: undefined })],
    ['no exp', forge({ exp: undefined })],
    ['exp as text', forge({ exp: String(now + 60) })],
    ['exp null', forge({ exp: null })],
    ['exp with a fraction', forge({ exp: now + 60.5 })],
    ['no iat', forge({ iat: undefined })],
    ['issued in the future', forge({ iat: now + 3000 })],
    ['not yet', forge({ nbf: now + 3000 })],
    ['nbf as text', forge({ nbf: 'x' })],
    ['no jti', forge({ jti: undefined })],
    ['empty jti', forge({ jti: '' })],
    ['no grant', forge({ grant: undefined })],
    ['grant as number', forge({ grant: 5 })],
    ['another subscriber', forge({ sub: 'sub-other' })],
    ['another client', forge({ client: 'other' })],
    ['payload is an array', sign(`${json(header)}.${json([claims])}`)],
    ['payload is text', sign(`${json(header)}.${json('x')}`)],
    ['payload is not JSON', sign(`${json(header)}.${Buffer.from('{').toString('base64url')}`)],
    ['payload is null', sign(`${json(header)}.${json(null)}`)],
    ['header is null', sign(`${json(null)}.${json(claims)}`)],
    ['header is an array', sign(`${json([header])}.${json(claims)}`)],
    ['padding', `${token}=`],
  ];
  for (const [what, forged] of table) {
    const answer = await list(forged);
    t.equal(answer.statusCode, 401, what);
    t.equal(answer.json().error, 'invalid_token', what);
  }
  const answer = await list('abc');
  const description = 'The token provided is not a valid OAuth access or refresh token.';
  t.same(answer.json(), { error: 'invalid_token', error_description: description });
  t.equal(
    answer.headers['www-authenticate'],
    `Bearer realm="csc", error="invalid_token", error_description="${description}"`,
  );
});

t.test('a token ends with its time, and with its grant', async (t) => {
  const { forger, list, token, clock, store } = await open(t);
  const expired = async (what: string, dead = token) => {
    const answer = await list(dead);
    t.equal(answer.statusCode, 401, what);
    const error_description = 'The access or refresh token is expired or has been revoked.';
    t.same(answer.json(), { error: 'expired_token', error_description });
    t.match(answer.headers['www-authenticate'], /^Bearer realm="csc", error="invalid_token"/);
  };
  clock.set(startOfTests + 3_599_000);
  t.equal((await list(token)).statusCode, 200, 'good in its last second');
  clock.set(startOfTests + 3_601_000);
  await expired('after an hour');
  await expired('a longer exp does not outlive the grant', forger.forge({ exp: startOfTests / 1000 + 9_000 }));
  clock.set(startOfTests);
  await expired('a token that was never issued', forger.forge({ jti: 'unknown' }));

  await store.write((tx) => changeClient(tx, 'direct', { suspended: true }));
  await expired('the client is suspended');
  await store.write((tx) => changeClient(tx, 'direct', { suspended: false }));
  t.equal((await list(token)).statusCode, 200);

  // The last character of an HMAC-SHA256 in base64url holds two bits that decode to nothing.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet[alphabet.indexOf(token.at(-1)!) ^ 1];
  const respelled = token.slice(0, -1) + last;
  t.same(Buffer.from(respelled, 'base64url'), Buffer.from(token, 'base64url'), 'another spelling of the same token');
  await store.write((tx) => revokeGrant(tx, forger.claims.grant, startOfTests));
  await expired('revoked, at once');
  await expired('S40: revoked in every spelling', respelled);

  const expiresAt = startOfTests + 1000;
  for (const [id, scope] of [
    ['g2', 'csc'],
    ['g3', 'subscriber'],
  ] as const) {
    const grant = { id, scope, subscriber: lan.subscriber, client: 'direct', createdAt: startOfTests, expiresAt };
    await store.write((tx) => insertGrant(tx, grant));
    await store.write((tx) => insertAccessToken(tx, { id: `token of ${id}`, grant: id, expiresAt }));
  }
  const forged = (jti: string, grant: string) => list(forger.forge({ jti, grant }));
  t.equal((await forged('token of g2', 'g2')).statusCode, 200, 'other grants are not touched');
  t.equal((await forged('token of g2', 'g3')).statusCode, 401, 'a token of another grant');
  t.equal((await forged('token of g3', 'g3')).statusCode, 401, 'S35: a token for the own account opens nothing of CSC');
});

t.test('the key survives a restart, and no two stores share it', async (t) => {
  const first = await open(t);
  const again = await startApi(t, { store: first.store });
  again.signer.script['credentials.list'] = () => ({ credentialIDs: ['c1'], more: false });
  const answer = await again.csc('credentials/list', {}, { authorization: `Bearer ${first.token}` });
  t.same(answer.json(), { credentialIDs: ['c1'] });
  const { secret } = await forger(await startApi(t));
  t.notSame(secret, first.forger.secret);
});
