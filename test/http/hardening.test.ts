import { gzipSync } from 'node:zlib';
import { errorCodes } from 'fastify';
import t from 'tap';
import { faultOf } from '../../src/http/fault.ts';
import { usualLimits } from '../../src/http/listener.ts';
import { createServer } from '../../src/http/server.ts';
import { config, post, startApi } from './helpers.ts';

const malformed = 'The request is missing a required parameter, includes an invalid parameter value';

t.test('S22: one JSON reader for every route', async (t) => {
  const { app } = await startApi(t);
  const bodies: [string, string | Buffer][] = [
    ['not JSON', '{'],
    ['empty', ''],
    ['a name twice', '{"lang":"vi","lang":"en"}'],
    ['a byte order mark', '\uFEFF{}'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['too deep', `{"clientData":${'['.repeat(40)}${']'.repeat(40)}}`],
    ['infinite', '{"x":1e999}'],
  ];
  for (const url of ['/csc/v1/info', '/csc/v1/auth/login', '/subscriber/v1/activation/begin']) {
    for (const [what, body] of bodies) {
      const answer = await post(app, url, body);
      t.equal(answer.statusCode, 400, `${url}: ${what}`);
      t.equal(answer.json().error, 'invalid_request');
    }
  }
  const polluted = await post(app, '/csc/v1/info', '{"__proto__":{"lang":"vi"},"constructor":{"prototype":{}}}');
  t.equal(polluted.json().lang, 'en-US', '__proto__ is a member like any unknown one');
});

t.test('S23: content types by allow-list, before parsing', async (t) => {
  const { app } = await startApi(t);
  const status = async (type: string) => (await post(app, '/csc/v1/info', '{', { 'content-type': type })).statusCode;
  const read = [
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json; charset=UTF-8',
  ];
  for (const type of [...read, 'application/json; charset="utf-8"'])
    t.equal(await status(type), 400, `${type} is read`);
  const refused = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
  ];
  const odd = [
    'application/json; charset=utf-16',
    'application/json, text/plain',
    'application/json; x=y',
    'json',
    '*/*',
  ];
  for (const type of [...refused, ...odd, 'application/vnd.api+json', 'application/json; charset=utf-8; a=b']) {
    t.equal(await status(type), 415, type);
  }
  const zipped = await post(app, '/csc/v1/info', gzipSync('{}'), { 'content-encoding': 'gzip' });
  t.equal(zipped.statusCode, 415, 'no compressed bodies');
  t.match(zipped.json(), { error: 'invalid_request', error_description: new RegExp(`^${malformed}`) });
  const untyped = await app.inject({ method: 'POST', url: '/csc/v1/info', payload: Buffer.from('{}') });
  t.equal(untyped.statusCode, 415, 'a body without a type');
});

t.test('S27: every phase of a request has an end', async (t) => {
  const { app } = await startApi(t);
  const { headersTimeout, requestTimeout, keepAliveTimeout, timeout, maxConnections } = app.server;
  t.same(
    [headersTimeout, requestTimeout, keepAliveTimeout, timeout, maxConnections],
    [10_000, 20_000, 65_000, 90_000, 4096],
  );
  t.equal(usualLimits.handler, 60_000);
  const bare = createServer(config, { ...usualLimits, handler: 300, interval: 50 });
  t.teardown(() => bare.close());
  const answer = Promise.withResolvers<object>();
  bare.get('/slow', { config: { authentication: 'none' } }, () => answer.promise);
  bare.get('/quick', { config: { authentication: 'none' } }, async () => ({ quick: true }));
  const slow = await bare.inject('/slow');
  t.equal(slow.statusCode, 503, 'S52: a handler that hangs is answered for');
  t.match(slow.json(), { error: 'temporarily_unavailable' });
  answer.resolve({ late: true });
  await answer.promise;
  t.same((await bare.inject('/quick')).json(), { quick: true });
  const late = new errorCodes.FST_ERR_HANDLER_TIMEOUT('60000', '/csc/v1/info');
  t.same(faultOf(late), { kind: 'unavailable' }, 'a handler that takes too long is 503');
});

t.test('S29: the log has method, route, status, time and id of each answer, and nothing that was sent', async (t) => {
  const lines: string[] = [];
  const { app, csc } = await startApi(t, {
    config: { log: { level: 'info', stream: { write: (line) => lines.push(line) } } },
  });
  await csc('credentials/authorize', { credentialID: 'MARKER', PIN: 'MARKER', OTP: 'MARKER', numSignatures: 1 });
  await app.inject({
    method: 'GET',
    url: '/MARKER\n?MARKER=MARKER',
    headers: { authorization: 'Bearer MARKER', MARKER: '1' },
  });
  const answers = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'answered');
  for (const line of answers)
    t.same(Object.keys(line).sort(), ['level', 'method', 'ms', 'msg', 'request', 'route', 'status', 'time']);
  t.match(answers.at(-2), { method: 'POST', route: '/csc/v1/credentials/authorize' });
  t.match(answers.at(-1), { method: 'GET', route: 'none', status: 404 });
  t.notMatch(lines.join(''), 'MARKER');
  t.ok(
    lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1),
    'one line each',
  );
});
