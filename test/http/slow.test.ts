import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { bodyLimit } from '../../src/http/body.ts';
import { until } from '../helpers/until.ts';
import { post, startApi } from './helpers.ts';
import { bareServer, dial, get, portOf, raw } from './raw.ts';

const postHead = (length: number) =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

t.test('S27: who sends slowly is cut off, and a healthy client is served all the while', async (t) => {
  const { port } = await bareServer(t, { headers: 500, request: 900, interval: 50 });
  const slow = (begin: string, drip: string) => {
    const line = dial(t, port);
    line.socket.write(begin);
    const dripping = setInterval(() => line.socket.write(drip), 40);
    void line.closed.then(() => clearInterval(dripping));
    return line;
  };
  const thirty = <T>(make: () => T) => Array.from({ length: 30 }, make);
  const kinds = {
    headers: thirty(() => slow('GET / HTTP/1.1\r\nHost: a\r\n', 'X-Drip: 1\r\n')),
    body: thirty(() => slow(postHead(10_000), ' ')),
    nothing: thirty(() => dial(t, port)),
  };
  const all = Promise.all(Object.values(kinds).flatMap((lines) => lines.map(({ closed }) => closed)));
  let over = false;
  void all.then(() => {
    over = true;
  });
  let served = 0;
  while (!over) {
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    if (answer.status !== 200) t.fail(`the healthy client got ${answer.status}`);
    served += 1;
    await delay(20);
  }
  await all;
  t.ok(served > 5, `${served} healthy requests meanwhile`);
  for (const what of ['headers', 'body'] as const) {
    const answers = kinds[what].map(({ answer }) => answer());
    t.ok(
      answers.every((text) => /^HTTP\/1.1 408 .*"error":"invalid_request","error_description"/s.test(text)),
      `slow ${what}: 408`,
    );
  }
  t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
});

t.test('S27: a source has its share of the connections, and no more', async (t) => {
  const limits = { connections: 20, perSource: 5 };
  const { port } = await bareServer(t, limits);
  const greedy = Array.from({ length: 12 }, () => dial(t, port));
  const cut = greedy.slice(5);
  await Promise.all(cut.map(({ closed }) => closed));
  t.ok(
    greedy.slice(0, 5).every(({ socket }) => !socket.closed),
    'five are kept',
  );
  const neighbour = dial(t, port, '127.0.0.2');
  neighbour.socket.write(get('/'));
  await until(async () => neighbour.answer().includes('"ip":"127.0.0.2"'));
  t.pass('another source is served');
  greedy[0]?.socket.destroy();
  await greedy[0]?.closed;
  await until(async () => {
    const again = dial(t, port);
    again.socket.write(get('/', 'Connection: close'));
    await again.closed;
    return again.answer().startsWith('HTTP/1.1 200');
  });
  t.pass('a connection that ended makes room for the next');

  const proxied = await bareServer(t, limits, { trustedProxies: ['127.0.0.1'] });
  const clients = Array.from({ length: 12 }, () => dial(t, proxied.port));
  for (const { socket } of clients) socket.write(get('/'));
  await until(async () => clients.every(({ answer }) => answer().startsWith('HTTP/1.1 200')));
  t.pass('a trusted proxy brings many clients');
});

t.test('S27: connections in all are bounded', async (t) => {
  const { port } = await bareServer(t, { connections: 3 });
  const lines = Array.from({ length: 6 }, () => dial(t, port));
  await Promise.all(lines.slice(3).map(({ closed }) => closed));
  for (const { socket } of lines.slice(0, 3)) socket.write(get('/'));
  await until(async () => lines.slice(0, 3).every(({ answer }) => answer().startsWith('HTTP/1.1 200')));
  t.pass('three are served, three were closed');
});

t.test('S27: who asks on without waiting for answers is cut off', async (t) => {
  const { port, waiting } = await bareServer(t, { pipelined: 4 });
  const greedy = dial(t, port);
  greedy.socket.write(get('/later').repeat(50));
  await greedy.closed;
  t.equal(waiting.length, 4, 'four of fifty began');
  t.equal(greedy.answer(), '');
  const moderate = dial(t, port);
  for (let n = 0; n < 5; n += 1) {
    moderate.socket.write(get('/').repeat(4));
    await until(async () => moderate.answer().split('HTTP/1.1 200').length - 1 === 4 * (n + 1));
  }
  t.pass('four at a time are answered, as often as one likes');
});

t.test('S72: a stop answers what is being done, and waits for nothing else', async (t) => {
  const { app, port, waiting } = await bareServer(t);
  const idle = dial(t, port);
  idle.socket.write(get('/'));
  const others = [dial(t, port), dial(t, port)];
  others[0]?.socket.write('GET / HTTP/1.1\r\nHost: a\r\n');
  const busy = dial(t, port);
  busy.socket.write(get('/later'));
  await until(async () => waiting.length === 1 && idle.answer() !== '');
  const stopped = app.close();
  await Promise.all([idle, ...others].map(({ closed }) => closed));
  waiting[0]?.();
  await stopped;
  await busy.closed;
  t.match(busy.answer(), /^HTTP\/1.1 200 .*connection: close.*"later":true/is);

  const hanging = await bareServer(t, { stop: 100 });
  const lost = dial(t, hanging.port);
  lost.socket.write(get('/later'));
  await until(async () => hanging.waiting.length === 1);
  const closed = hanging.app.close().then(() => 'closed');
  const late = delay(20_000, 'late', { ref: false });
  t.equal(await Promise.race([closed, late]), 'closed', 'what takes too long is cut off');
  t.equal(lost.answer(), '');
  hanging.waiting[0]?.();
});

t.test('S27: bodies are bounded, to the byte', async (t) => {
  const { app } = await startApi(t);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const padded = (length: number) => `{"lang":"vi"${' '.repeat(length - 13)}}`;
  for (const url of ['/csc/v1/info', '/csc/v1/auth/login', '/subscriber/v1/activation/begin', '/elsewhere']) {
    const most = await post(app, url, padded(bodyLimit));
    t.not(most.statusCode, 413, `${url}: the largest body is read`);
    const over = await post(app, url, padded(bodyLimit + 1));
    t.equal(over.statusCode, 413, `${url}: one byte more is 413`);
    t.match(over.json(), { error: 'invalid_request' });
    t.ok(over.json().error_description);
  }
  const head = 'POST /csc/v1/info HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
  const told = await raw(t, app, `${head}Content-Length: 9000000000\r\n\r\n{`);
  t.match(told, /^HTTP\/1.1 413 .*"error":"invalid_request"/s, 'a length that is too large is refused before the body');
  const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
  const chunked = await raw(t, app, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}`);
  t.match(chunked, /^HTTP\/1.1 413 .*"error":"invalid_request"/s, 'a body without a length is counted');

  const endless = dial(t, portOf(app));
  endless.socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
  endless.socket.on('drain', () => endless.socket.write(chunk));
  for (let n = 0; n < 8; n += 1) endless.socket.write(chunk);
  await once(endless.socket, 'data');
  t.match(endless.answer(), /^HTTP\/1.1 413 /);
  await endless.closed;
  t.pass('and who goes on sending is cut off');
});
