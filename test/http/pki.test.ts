import type { LightMyRequestResponse } from 'fastify';
import t, { type Test } from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { crlCache } from '../../src/http/pki/crl-cache.ts';
import { pkiParts } from '../../src/http/pki/parts.ts';
import { buildPki } from '../../src/http/pki/server.ts';
import { caContract } from '../../src/ipc/ca-contract.ts';
import { clockAt, config, scriptedPeer, startApi, startOfTests } from './helpers.ts';

const day = 86_400_000;
const crl = Buffer.from('the bytes of a CRL');
const answer = {
  number: 7,
  crl: crl.toString('base64'),
  thisUpdate: startOfTests - 1000,
  nextUpdate: startOfTests + day,
};

/** An API whose ca has one CRL and one authority. */
async function world(t: Test) {
  const started = await startApi(t);
  const script = started.ca.script;
  script['crl.get'] = ({ shard, have }) =>
    shard !== 'issuing-ec-1/3' ? { number: 0 } : have === 7 ? { ...answer, crl: undefined as never } : answer;
  script['authority.certificate'] = ({ authority }) =>
    authority === 'root-1' ? { certificate: Buffer.from('DER').toString('base64'), notAfter: startOfTests + day } : {};
  const get = (url: string, headers = {}, method: 'GET' | 'HEAD' = 'GET') =>
    started.app.inject({ method, url, headers });
  return { ...started, script, get };
}

const facts = ({ statusCode, headers, rawPayload }: LightMyRequestResponse) => ({
  status: statusCode,
  type: headers['content-type'],
  cache: headers['cache-control'],
  size: rawPayload.length,
});

t.test('a CRL as RFC 5280 §4.2.1.13 wants it over HTTP, for caches that know how long it lasts', async (t) => {
  const { get } = await world(t);
  const url = '/pki/crl/issuing-ec-1/3.crl';
  const got = await get(url);
  const cache = `public, max-age=30, stale-if-error=${day / 1000 - 30}`;
  t.same(facts(got), { status: 200, type: 'application/pkix-crl', cache, size: crl.length });
  t.same(got.rawPayload, crl);
  t.match(got.headers, {
    etag: '"7"',
    'last-modified': new Date(startOfTests - 1000).toUTCString(),
    expires: new Date(startOfTests + day).toUTCString(),
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'cross-origin',
  });

  const head = await get(url, {}, 'HEAD');
  t.match(head, { statusCode: 200, payload: '' });
  t.equal(head.headers['content-length'], String(crl.length));
  for (const tag of ['"7"', 'W/"7"', '"5", "7"', '*']) {
    const same = await get(url, { 'if-none-match': tag });
    t.match({ ...facts(same), tag: same.headers.etag }, { status: 304, cache, size: 0, tag: '"7"' }, tag);
  }
  t.equal((await get(url, { 'if-none-match': '"6"' })).statusCode, 200, 'an older one');
  const modified = got.headers['last-modified'] as string;
  t.equal((await get(url, { 'if-modified-since': modified })).statusCode, 304);
  const before = new Date(startOfTests - 5000).toUTCString();
  t.equal((await get(url, { 'if-modified-since': before })).statusCode, 200);
  t.equal(
    (await get(url, { 'if-modified-since': modified, 'if-none-match': '"6"' })).statusCode,
    200,
    'the tag counts',
  );
  t.equal((await get(url, { 'if-modified-since': 'yesterday' })).statusCode, 200);
});

t.test('an authority’s certificate, and what is not there', async (t) => {
  const { get, ca } = await world(t);
  t.match(facts(await get('/pki/ca/root-1.cer')), { status: 200, type: 'application/pkix-cert', size: 3 });
  const asked = ca.calls.length;
  const missing = ['ca/root-2.cer', 'crl/issuing-ec-1/4.crl'];
  const malformed = ['ca/root-1', 'ca/..%2froot-1.cer', 'ca/ROOT-1.cer', 'crl/issuing-ec-1/03.crl'];
  const nowhere = ['crl/issuing-ec-1/x.crl', 'crl/issuing-ec-1/3', 'crl/a/3/3.crl', 'crl/%00/3.crl', ''];
  for (const path of [...missing, ...malformed, ...nowhere]) t.equal((await get(`/pki/${path}`)).statusCode, 404, path);
  t.equal(ca.calls.length - asked, missing.length, 'ca is asked for nothing that cannot be');
  t.equal((await get('/pki/crl/issuing-ec-1/3.crl', {}, 'POST' as 'GET')).statusCode, 404);
});

t.test('a new CRL is there within half a second; while ca is away the last one is, until its end', async (t) => {
  const { get, script, ca, clock } = await world(t);
  const url = '/pki/crl/issuing-ec-1/3.crl';
  await Promise.all(Array.from({ length: 20 }, () => get(url)));
  t.equal(ca.calls.filter(({ method }) => method === 'crl.get').length, 1, 'asked once for all');
  clock.set(startOfTests + 499);
  await get(url);
  t.equal(ca.calls.filter(({ method }) => method === 'crl.get').length, 1);
  clock.set(startOfTests + 500);
  t.equal((await get(url)).headers.etag, '"7"');
  t.match(ca.calls.at(-1), { params: { have: 7 } }, 'only whether there is another');
  const newer = { number: 9, crl: 'AAAA', thisUpdate: startOfTests, nextUpdate: startOfTests + day };
  script['crl.get'] = () => newer;
  clock.set(startOfTests + 1000);
  t.match(facts(await get(url)), { status: 200, size: 3 });

  script['crl.get'] = () => {
    throw new KysoError('unavailable', 'marker');
  };
  clock.set(startOfTests + day - 10_000);
  const kept = await get(url);
  t.match(facts(kept), { status: 200, size: 3, cache: 'public, max-age=10' });
  clock.set(startOfTests + day + 1);
  const ended = await get(url);
  t.match(facts(ended), { status: 503, type: /text\/plain/, cache: 'no-store' });
  t.notMatch(ended.body, 'marker');
});

t.test('only so much is kept, and what was asked for last', async (t) => {
  const clock = clockAt(startOfTests);
  const ca = scriptedPeer(caContract, {
    'crl.get': ({ have }) =>
      have === 1 ? { ...answer, number: 1, crl: undefined as never } : { ...answer, number: 1, crl: 'AAAAAAAAAAAA' },
  });
  const crlOf = crlCache({ ca, clock }, 20);
  for (const shard of ['a/1', 'b/1', 'a/1', 'c/1']) {
    clock.set(clock.now() + 1000);
    await crlOf(shard);
  }
  const has = async (shard: string) => {
    clock.set(clock.now() + 1000);
    await crlOf(shard);
    return (ca.calls.at(-1)!.params as { have: number }).have === 1;
  };
  t.equal(await has('c/1'), true);
  t.equal(await has('a/1'), true, 'asked for again before c came');
  t.equal(await has('b/1'), false, 'two of nine bytes fit into twenty');
});

t.test('the plain listener has these addresses and nothing else', async (t) => {
  const { ca, app: whole } = await world(t);
  const parts = pkiParts(ca, clockAt(startOfTests));
  t.teardown(() => parts.close());
  const app = await buildPki(config, parts);
  t.teardown(() => app.close());
  const crl = await app.inject({ url: '/pki/crl/issuing-ec-1/3.crl' });
  t.equal(crl.statusCode, 200);
  t.equal(crl.headers['strict-transport-security'], undefined);
  for (const [method, url] of [
    ['POST', '/csc/v1/info'],
    ['POST', '/csc/v1/auth/login'],
    ['GET', '/health/live'],
    ['GET', '/logo.png'],
    ['POST', '/subscriber/v1/activation/begin'],
  ] as const) {
    t.equal((await app.inject({ method, url })).statusCode, 404, url);
    t.not((await whole.inject({ method, url })).statusCode, 404, `${url} is elsewhere`);
  }
});
