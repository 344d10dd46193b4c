import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { errorCodes, type FastifyInstance } from 'fastify';
import t from 'tap';
import { faultOf } from '../../src/http/fault.ts';
import { createServer } from '../../src/http/server.ts';
import { config, post, startApi } from './helpers.ts';

const malformed = 'The request is missing a required parameter, includes an invalid parameter value';

/** Sends bytes over a socket of its own and reads until the server closes it or `enough` has come. */
async function raw(app: FastifyInstance, request: string, enough = /\r\n\r\n[\s\S]*\}$/): Promise<string> {
  const address = app.server.address();
  if (typeof address !== 'object' || !address) throw new Error('not listening');
  const socket = connect(address.port, '127.0.0.1');
  let answer = '';
  await new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk) => {
      answer += chunk;
      if (enough.test(answer)) resolve();
    });
    socket.on('close', () => resolve());
    socket.on('error', reject);
    socket.write(request);
  });
  socket.destroy();
  return answer;
}

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

t.test('bodies are bounded', async (t) => {
  const { app, csc } = await startApi(t);
  const large = await csc('credentials/list', { clientData: 'x'.repeat(250_000) });
  t.equal(large.statusCode, 413);
  t.match(large.json(), { error: 'invalid_request', error_description: new RegExp(`^${malformed}`) });
  t.equal((await post(app, '/subscriber/v1/activation/begin', { x: 'x'.repeat(250_000) })).statusCode, 413);
});

t.test('S31: headers of every answer', async (t) => {
  const { app, csc } = await startApi(t);
  const answers = [
    await post(app, '/csc/v1/info', {}, { 'x-request-id': 'chosen-by-client', origin: 'https://evil.example' }),
    await post(app, '/csc/v1/info', '{'),
    await csc('credentials/list', {}, { authorization: 'Bearer x' }),
    await post(app, '/csc/v1/unknown', {}),
    await app.inject({ method: 'OPTIONS', url: '/csc/v1/info', headers: { origin: 'https://evil.example' } }),
    await app.inject({ method: 'GET', url: '/health/live' }),
    await app.inject({ method: 'GET', url: '/elsewhere' }),
    await app.inject({ method: 'GET', url: '/csc/v1/%' }),
  ];
  const ids = new Set<unknown>();
  for (const { headers, statusCode } of answers) {
    t.match(headers['content-type'], /^application\/json; charset=utf-8$/, String(statusCode));
    t.equal(headers['cache-control'], 'no-store');
    t.equal(headers['x-content-type-options'], 'nosniff');
    t.match(headers['x-request-id'], /^[\w-]{22}$/, 'made by us');
    ids.add(headers['x-request-id']);
    for (const name of Object.keys(headers)) t.notMatch(name, /^access-control-|^server$|^x-powered-by$/);
  }
  t.equal(ids.size, answers.length);
});

t.test('S28: ambiguous requests are refused', async (t) => {
  const { app, token } = await startApi(t);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const head = 'POST /csc/v1/info HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
  t.match(await raw(app, `${head}Content-Length: 2\r\n\r\n{}`), /^HTTP\/1.1 200 /, 'a plain request is answered');
  const auth = `Authorization: Bearer ${token}\r\n`;
  const table: [string, string][] = [
    ['Authorization twice', `${head}${auth}Authorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}`],
    ['Content-Type twice', `${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`],
    ['Host twice', `${head}Host: b\r\nContent-Length: 2\r\n\r\n{}`],
    ['no Host', 'POST /csc/v1/info HTTP/1.1\r\nContent-Length: 0\r\n\r\n'],
    ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['length and chunked', `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['a bare line feed', `${head.replaceAll('\r\n', '\n')}Content-Length: 2\n\n{}`],
    ['not HTTP', 'hello\r\n\r\n'],
  ];
  for (const [what, request] of table) {
    const answer = await raw(app, request, /\r\n\r\n/);
    t.match(answer, /^HTTP\/1.1 400 /, what);
  }
  const huge = await raw(app, `${head}X: ${'x'.repeat(70_000)}\r\n\r\n`, /\}$/);
  t.match(huge, /^HTTP\/1.1 431 [\s\S]*"error":"invalid_request"/, 'headers are bounded');
  t.match(huge, /Cache-Control: no-store/);
});

t.test('S28: X-Forwarded-For counts only from a configured proxy', async (t) => {
  const seen = async (trustedProxies: string[]) => {
    const app = createServer({ ...config, trustedProxies });
    t.teardown(() => app.close());
    app.get('/ip', { config: { authentication: 'none' } }, async (request) => ({ ip: request.ip }));
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    return (await app.inject({ method: 'GET', url: '/ip', headers, remoteAddress: '10.0.0.5' })).json().ip;
  };
  t.equal(await seen([]), '10.0.0.5');
  t.equal(await seen(['192.168.0.0/16']), '10.0.0.5');
  t.equal(await seen(['10.0.0.0/8']), '203.0.113.9');
});

t.test('S32: a route that does not say who may call it stops the start', async (t) => {
  const app = createServer(config);
  t.teardown(() => app.close());
  t.throws(() => app.get('/forgotten', async () => ({})), /does not say who may call it/);
});

t.test('S27: every phase of a request has an end', async (t) => {
  const { app } = await startApi(t);
  const { headersTimeout, requestTimeout, keepAliveTimeout, timeout, maxConnections } = app.server;
  t.same(
    [headersTimeout, requestTimeout, keepAliveTimeout, timeout, maxConnections],
    [10_000, 20_000, 30_000, 90_000, 4096],
  );
  const bare = createServer(config);
  t.teardown(() => bare.close());
  bare.get('/', { config: { authentication: 'none' } }, async ({ routeOptions }) => ({
    ms: routeOptions.handlerTimeout,
  }));
  t.same((await bare.inject('/')).json(), { ms: 60_000 });
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
