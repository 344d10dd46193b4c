import t from 'tap';
import { startApi } from './helpers.ts';
import { dial, portOf, raw } from './raw.ts';

const head = 'POST /csc/v1/info HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
const smuggled = 'GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n';

t.test('S28: what two readers may understand in two ways is refused', async (t) => {
  const { app, token } = await startApi(t);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const auth = `Authorization: Bearer ${token}\r\n`;
  const good: [string, string][] = [
    ['a length', `${head}Content-Length: 2\r\n\r\n{}`],
    ['chunks', `${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    [
      'chunks with an extension and a trailer',
      `${head}Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX: y\r\n\r\n`,
    ],
    ['a leading empty line', `\r\n${head}Content-Length: 2\r\n\r\n{}`],
    ['several Accept headers', `${head}Accept: a/b\r\nAccept: c/d\r\nContent-Length: 2\r\n\r\n{}`],
    [
      'a wish to upgrade, which is ignored',
      `${head}Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}`,
    ],
  ];
  for (const [what, request] of good) t.match(await raw(t, app, request), /^HTTP\/1.1 200 /, what);

  const lengths = ['2\r\nContent-Length: 3', '2, 2', '+2', '-2', '0x2', '2 2', '', 'two', '99999999999999999999'];
  const encodings = ['identity', 'gzip', 'xchunked', 'chunked, gzip', 'chunked, identity', '\x0bchunked'];
  const repeated: [string, string][] = [
    ['Authorization twice', `${head}${auth}Authorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}`],
    ['the same Authorization twice', `${head}${auth}${auth}Content-Length: 2\r\n\r\n{}`],
    ['Content-Type twice', `${head}content-type: application/json\r\nContent-Length: 2\r\n\r\n{}`],
    ['Idempotency-Key twice', `${head}Idempotency-Key: a\r\nidempotency-key: b\r\nContent-Length: 2\r\n\r\n{}`],
    ['Host twice', `${head}HOST: b\r\nContent-Length: 2\r\n\r\n{}`],
    ['a coding that is not undone', `${head}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['the same in two lines', `${head}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['no Host', 'POST /csc/v1/info HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'],
  ];
  for (const [what, request] of repeated) {
    t.match(await raw(t, app, request), /^HTTP\/1.1 400 .*"error":"invalid_request","error_description":/s, what);
  }
  const framing: [string, string][] = [
    ...lengths.map((length): [string, string] => [`length ${length}`, `${head}Content-Length: ${length}\r\n\r\n{}`]),
    ...encodings.map((encoding): [string, string] => [
      `transfer encoding ${encoding}`,
      `${head}Transfer-Encoding: ${encoding}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    ]),
    ['the same length twice', `${head}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}`],
    ['chunked, and a length', `${head}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['a length, and chunked', `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['chunked twice', `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['a blank before the colon', `${head}Content-Length : 2\r\n\r\n{}`],
    ['a folded line', `${head}X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}`],
    ['a bare carriage return', `${head}X: a\rb\r\nContent-Length: 2\r\n\r\n{}`],
    ['a bare line feed', `${head.replaceAll('\r\n', '\n')}Content-Length: 2\n\n{}`],
    ['a NUL in a header', `${head}X: a\0b\r\nContent-Length: 2\r\n\r\n{}`],
    ['a header without a name', `${head}: x\r\nContent-Length: 2\r\n\r\n{}`],
    ['a name with a blank', `${head}X Y: z\r\nContent-Length: 2\r\n\r\n{}`],
    ['a chunk size that is none', `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['a chunk size beyond 64 bits', `${head}Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n`],
    ['a chunk that is longer than told', `${head}Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n`],
    ['not HTTP', 'hello\r\n\r\n'],
    ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 'GET /health/live\r\n\r\n'],
    ['a version that is none', 'GET /health/live HTTP/1.x\r\nHost: a\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ];
  for (const [what, request] of framing) {
    const answer = await raw(t, app, `${request}${smuggled}`, /never/);
    t.match(answer, /^HTTP\/1.1 4\d\d /, what);
    t.match(answer, /"error":"invalid_request","error_description":/, `${what}: JSON`);
    t.notMatch(answer, /HTTP\/1.1 2\d\d /, `${what}: nothing behind it is read`);
  }
  const tunnel = await raw(t, app, 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n', /never/);
  t.equal(tunnel, '', 'nobody tunnels through us');
});

t.test('odd request targets find nothing, and say so', async (t) => {
  const { app } = await startApi(t);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const targets = [
    '//',
    '/\\/',
    '/../..//etc/passwd',
    '/%2e%2e/',
    'http://other.example/health/live',
    'https:',
    '*',
    '?',
    '/;',
  ];
  for (const target of [...targets, '/csc/v1/\xff', '/a#b', `/${'%41'.repeat(2000)}`]) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const answer = await raw(t, app, `${method} ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, /never/);
      t.match(answer, /^HTTP\/1.1 4\d\d [\s\S]*"error":"\w+","error_description":/, `${method} ${target.slice(0, 40)}`);
    }
  }
});

t.test('headers are bounded in size and number', async (t) => {
  const { app } = await startApi(t);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const end = 'Content-Length: 2\r\n\r\n{}';
  for (const header of [`X: ${'x'.repeat(70_000)}\r\n`, 'X: y\r\n'.repeat(20_000)]) {
    const answer = await raw(t, app, head + header + end, /\}$/);
    t.match(answer, /^HTTP\/1.1 431 [\s\S]*"error":"invalid_request"/);
    t.match(answer, /Cache-Control: no-store/);
  }
  const long = await raw(t, app, `GET /${'x'.repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, /\}$/);
  t.match(long, /^HTTP\/1.1 431 /, 'a URL, too');

  const many = dial(t, portOf(app));
  many.socket.write(`${head}${'X: y\r\n'.repeat(2_500)}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n${end}`);
  await new Promise((resolve) => many.socket.once('data', resolve));
  t.match(many.answer(), /^HTTP\/1.1 431 /, 'what stands behind the last header that Node counts is not overlooked');
});
