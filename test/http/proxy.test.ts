import t from 'tap';
import { createServer } from '../../src/http/server.ts';
import { sourceOf } from '../../src/http/throttle.ts';
import { basic, config, lan, startApi } from './helpers.ts';

const lines: string[] = [];
const log = { level: 'warn', stream: { write: (line: string) => lines.push(line) } } as const;

/** What `request.ip` and the throttles' source are for a request from `from` with these X-Forwarded-For lines. */
function seenBy(trustedProxies: string[]) {
  const app = createServer({ ...config, trustedProxies, log });
  t.teardown(() => app.close());
  app.get('/ip', { config: { authentication: 'none' } }, async ({ ip, host }) => ({ ip, source: sourceOf(ip), host }));
  return async (from: string, ...forwarded: string[]) => {
    const headers = forwarded.length > 0 ? { 'x-forwarded-for': forwarded.join(', ') } : {};
    const answer = await app.inject({ method: 'GET', url: '/ip', headers, remoteAddress: from });
    return answer.statusCode === 200 ? answer.json().source : answer.statusCode;
  };
}

t.test('S28: X-Forwarded-For counts only as far as trusted hops vouch for it', async (t) => {
  const alone = seenBy([]);
  t.equal(await alone('10.0.0.5', '203.0.113.9'), '10.0.0.5', 'nobody is trusted by default');
  t.equal(await alone('127.0.0.1', '203.0.113.9'), '127.0.0.1', 'not even this machine');

  const one = seenBy(['10.0.0.5']);
  t.equal(await one('10.0.0.5', '203.0.113.9'), '203.0.113.9');
  t.equal(await one('10.0.0.5', '203.0.113.10'), '203.0.113.10', 'clients of one proxy are told apart');
  t.equal(await one('10.0.0.6', '203.0.113.9'), '10.0.0.6', 'its neighbour is not trusted');
  t.equal(await one('10.0.0.5', '1.1.1.1', '203.0.113.9'), '203.0.113.9', 'what the client claimed before is not read');
  t.equal(await one('10.0.0.5', '10.0.0.5', '203.0.113.9'), '203.0.113.9', 'also when it claims to be the proxy');
  t.equal(await one('10.0.0.5', 'unknown', '203.0.113.9'), '203.0.113.9', 'or nonsense');
  t.equal(await one('10.0.0.5'), '10.0.0.5', 'a proxy that says nothing counts itself');

  const two = seenBy(['10.0.0.5', '192.168.7.0/24']);
  t.equal(await two('10.0.0.5', '203.0.113.9', '192.168.7.20'), '203.0.113.9', 'two hops');
  t.equal(await two('10.0.0.5', '1.1.1.1', '203.0.113.9', '192.168.7.20'), '203.0.113.9');
  t.equal(await two('10.0.0.5', '203.0.113.9', '192.168.8.20'), '192.168.8.20', 'a hop that is not trusted ends it');
});

t.test('S28: IPv6, and IPv4 written as IPv6', async (t) => {
  const proxies = seenBy(['10.0.0.5', 'fd00::/8']);
  for (const proxy of ['10.0.0.5', '::ffff:10.0.0.5', '::FFFF:10.0.0.5', '::ffff:a00:5', 'fd12::1']) {
    t.equal(await proxies(proxy, '203.0.113.9'), '203.0.113.9', `${proxy} is trusted`);
  }
  for (const stranger of ['::ffff:10.0.0.6', '::10.0.0.5', 'fe80::1', '::ffff:0:10.0.0.5']) {
    t.not(await proxies(stranger, '203.0.113.9'), '203.0.113.9', `${stranger} is not`);
  }
  for (const client of ['203.0.113.9', '::ffff:203.0.113.9', '::FFFF:203.0.113.9', '::ffff:cb00:7109']) {
    t.equal(await proxies('10.0.0.5', client), '203.0.113.9', `${client} is one client`);
  }
  t.equal(await proxies('10.0.0.5', '::ffff:203.0.113.10'), '203.0.113.10', 'and its neighbour another');
  const net = await proxies('10.0.0.5', '2001:db8:1:2::1');
  t.equal(await proxies('10.0.0.5', '2001:DB8:1:2:ffff::9'), net, 'one /64 is one client');
  t.equal(await proxies('10.0.0.5', '2001:0db8:0001:0002:0:0:0:7'), net);
  t.not(await proxies('10.0.0.5', '2001:db8:1:3::1'), net);
  t.equal(
    await proxies('10.0.0.5', 'fe80::1%eth0'),
    await proxies('10.0.0.5', 'fe80::1'),
    'a zone makes no other client',
  );

  const mapped = seenBy(['::ffff:10.0.0.5']);
  t.equal(await mapped('10.0.0.5', '203.0.113.9'), '203.0.113.9', 'in the configuration, too');
});

t.test('S28: a proxy whose header names no address is refused, and its operator told', async (t) => {
  const proxied = seenBy(['10.0.0.5']);
  for (const odd of [
    'unknown',
    '203.0.113.9:4711',
    '[2001:db8::1]:4711',
    '_hidden',
    '"2001:db8::1"',
    '1.2.3',
    'x'.repeat(99),
  ]) {
    lines.length = 0;
    t.equal(await proxied('10.0.0.5', odd), 400, odd);
    t.match(lines.join(''), /X-Forwarded-For of a trusted proxy does not end with the address/);
    t.notMatch(lines.join(''), odd, 'without repeating what came');
  }
});

t.test('S28, S43: a client cannot choose whom the throttles count', async (t) => {
  const proxy = '10.0.0.5';
  const { app } = await startApi(t, { config: { trustedProxies: [proxy] } });
  const login = async (from: string, forwarded: string, password = 'wrong') => {
    const headers = {
      'content-type': 'application/json',
      ...basic(lan.userID, password),
      'x-forwarded-for': forwarded,
    };
    const options = { method: 'POST', url: '/csc/v1/auth/login', payload: '{}', remoteAddress: from, headers } as const;
    return (await app.inject(options)).statusCode === 200;
  };
  const guess = async (who: (n: number) => [string, string]) => {
    for (let n = 0; n < 5; n += 1) await login(...who(n));
  };
  await guess((n) => [proxy, `198.51.100.${n}, 203.0.113.1`]);
  t.notOk(await login(proxy, '198.51.100.99, 203.0.113.1', lan.password), 'five guesses, whatever it claims to be');
  t.notOk(await login(proxy, '::ffff:203.0.113.1', lan.password), 'however its address is written');
  t.ok(await login(proxy, '203.0.113.2', lan.password), 'the next client of the proxy is another one');
  await guess((n) => ['127.0.0.1', `198.51.100.${n}`]);
  t.notOk(await login('127.0.0.1', '198.51.100.99', lan.password), 'past the proxy the header is nothing');
});

t.test('plain HTTP is for the proxy and this machine only', async (t) => {
  const app = createServer({ ...config, trustedProxies: ['10.0.0.5'] });
  t.teardown(() => app.close());
  app.get('/open', { config: { authentication: 'none' } }, async () => ({}));
  for (const authentication of ['basic', 'bearer', 'activation'] as const) {
    app.get(`/${authentication}`, { config: { authentication } }, async () => ({}));
  }
  const from = async (remoteAddress: string, url: string) =>
    (await app.inject({ method: 'GET', url, remoteAddress, headers: { 'x-forwarded-for': '127.0.0.1' } })).statusCode;
  for (const address of ['10.0.0.5', '::ffff:10.0.0.5', '127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    for (const url of ['/open', '/basic', '/bearer', '/activation'])
      t.equal(await from(address, url), 200, address + url);
  }
  for (const address of ['10.0.0.6', '203.0.113.1', '2001:db8::1']) {
    t.equal(await from(address, '/open'), 200, 'what needs no secret');
    for (const url of ['/basic', '/bearer', '/activation']) t.equal(await from(address, url), 400, address + url);
    t.equal(await from(address, '/elsewhere'), 404);
  }
});
