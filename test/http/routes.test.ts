import type { InjectOptions } from 'fastify';
import t from 'tap';
import { createServer } from '../../src/http/server.ts';
import { basic, config, lan, startApi, startOfTests } from './helpers.ts';
import { withRoutes } from './routes.ts';

/** Who needs no token, and why. Whatever is not here must refuse a request without one. */
const open = [
  'GET /health/live', // supervisors
  'GET /health/ready',
  'POST /csc/v1/info', // CSC v1 §11.1
  'GET /logo.png', // info.logo
  'GET /pki/ocsp/*', // what certificates name, and the time: RFC 6960, RFC 3161
  'POST /pki/ocsp',
  'POST /tsa',
  'GET /pki/ca/:id.cer', // whoever checks a certificate
  'GET /pki/crl/:authority/:number.crl',
];

t.test('S32: without a token every route but the public ones refuses', async (t) => {
  const { made, routes } = await withRoutes(() => startApi(t));
  const { app, token, clock, signer, ca } = made;
  t.ok(routes.length > 10, `${routes.length} routes`);
  const declared = routes.filter(({ method, authentication }) => method !== 'HEAD' && authentication === 'none');
  const pages = ({ url }: { url: string }) => /^\/docs(?:\/|$)/.test(url);
  t.same(
    declared
      .filter((route) => !pages(route))
      .map(({ method, url }) => `${method} ${url}`)
      .sort(),
    [...open].sort(),
    'the public list is complete',
  );

  for (const { method, url, authentication } of routes) {
    if (authentication === 'none') continue;
    const ask = (headers: Record<string, string>) =>
      app.inject({
        ...{ method: method as NonNullable<InjectOptions['method']>, url: url.replaceAll(/:\w+/g, 'x') },
        headers: { ...(method === 'GET' ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(method === 'GET' ? {} : { payload: '{}' }),
      });
    const name = `${method} ${url} (${authentication})`;
    const none = await ask({});
    t.ok([400, 401].includes(none.statusCode), `${name}: ${none.statusCode} without anything`);
    if (authentication !== 'bearer') continue;
    const odd = ['Bearer', 'Bearer ', 'Basic eDp4', `Basic ${token}`, `Token ${token}`, token, `Bearer ${token} x`];
    for (const authorization of odd) {
      const { statusCode } = await ask({ authorization });
      t.ok([400, 401].includes(statusCode), `${name}: ${authorization.slice(0, 12)}… is no token`);
    }
    const unsigned = `${token.split('.').slice(0, 2).join('.')}.`;
    for (const forged of ['x', 'a.b.c', unsigned, `${token.slice(0, -3)}AAA`]) {
      t.equal((await ask({ authorization: `Bearer ${forged}` })).statusCode, 401, `${name}: a token of nobody`);
    }
  }
  t.same(signer.calls, [], 'and signer was never asked');
  t.same(ca.calls, []);

  clock.set(startOfTests + 3_600_001);
  for (const { method, url, authentication } of routes) {
    if (authentication !== 'bearer' || !url.startsWith('/csc/') || method === 'HEAD') continue;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const late = await app.inject({ method: 'POST', url, headers, payload: '{}' });
    t.equal(late.statusCode, 401, `${url}: an hour later`);
    t.equal(late.json().error, 'expired_token');
  }
});

t.test('S32: a route that does not say who may call it stops the start', async (t) => {
  const app = createServer(config);
  t.teardown(() => app.close());
  app.get('/forgotten', async () => ({}));
  await t.rejects(async () => app.ready(), /does not say who may call it/);
});

const always = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
};

t.test('S31: headers of each kind of answer', async (t) => {
  const { app, csc, signer, ca } = await startApi(t);
  signer.script['credentials.list'] = () => ({ credentialIDs: [], more: false });
  signer.script.status = () => ({ ready: true, token: true, store: true, feed: true, notify: 'ok' });
  ca.script.status = () => ({ ready: true, token: true, store: true, crl: { ok: true, shards: 0, late: 0 } });
  const evil = { origin: 'https://evil.example', 'x-request-id': 'chosen-by-client' };
  const post = (url: string, payload: string, headers = {}) =>
    app.inject({ method: 'POST', url, payload, headers: { 'content-type': 'application/json', ...evil, ...headers } });
  const answers = {
    'a public method': await post('/csc/v1/info', '{}'),
    'a login': await post('/csc/v1/auth/login', '{}', basic(lan.userID, lan.password)),
    'a method': await csc('credentials/list', {}),
    'a refusal': await post('/csc/v1/info', '{'),
    'a dead token': await csc('credentials/list', {}, { authorization: 'Bearer x' }),
    'another content type': await post('/csc/v1/info', '{}', { 'content-type': 'text/plain' }),
    'an unknown method': await post('/csc/v1/unknown', '{}'),
    'a wrong verb': await app.inject({ method: 'GET', url: '/csc/v1/info', headers: evil }),
    'a preflight': await app.inject({
      ...{ method: 'OPTIONS', url: '/csc/v1/info' },
      headers: { ...evil, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    }),
    'the subscriber API': await post('/subscriber/v1/activation/begin', '{}'),
    liveness: await app.inject({ method: 'GET', url: '/health/live', headers: evil }),
    readiness: await app.inject({ method: 'GET', url: '/health/ready', headers: evil }),
    nothing: await app.inject({ method: 'GET', url: '/elsewhere', headers: evil }),
    'nothing, with a body': await post('/elsewhere', '{', { 'content-type': 'text/plain' }),
    'a URL that is none': await app.inject({ method: 'GET', url: '/csc/v1/%', headers: evil }),
  };
  const ids = new Set<unknown>();
  for (const [kind, { headers, statusCode }] of Object.entries(answers)) {
    t.match(headers, { ...always, 'content-type': 'application/json; charset=utf-8' }, `${kind} (${statusCode})`);
    t.match(headers['x-request-id'], /^[\w-]{22}$/, `${kind}: an id made by us`);
    ids.add(headers['x-request-id']);
    const names = Object.keys(headers).filter((name) => /^access-control-|^server$|^x-powered-by$|^vary$/.test(name));
    t.same(names, [], `${kind}: nothing for other origins`);
    t.notOk('strict-transport-security' in headers, `${kind}: no promise of TLS without TLS`);
  }
  t.equal(ids.size, Object.keys(answers).length, 'each id once');

  const docs = await app.inject({ method: 'GET', url: '/docs', headers: evil });
  t.match(docs.headers, {
    ...{ ...always, 'content-type': 'text/html; charset=utf-8' },
    'content-security-policy': /default-src 'self';.*frame-ancestors 'none'/,
  });
  t.notMatch(docs.headers['content-security-policy'], /script-src[^;]*unsafe|https?:|\*/, 'no scripts but our own');

  const logo = await app.inject({ method: 'GET', url: '/logo.png' });
  t.match(logo.headers, {
    ...{ ...always, 'cache-control': 'public, max-age=86400', 'cross-origin-resource-policy': 'cross-origin' },
    'content-type': 'image/png',
  });
  for (const answer of Object.values(answers).filter(({ statusCode }) => statusCode >= 400)) {
    const { error, error_description: text } = answer.json();
    t.ok(error && text, `${answer.statusCode} says why`);
  }
});
