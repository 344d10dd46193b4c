import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { opensslCa } from '../helpers/openssl-ca.ts';
import { signerToken } from '../helpers/signer.ts';
import {
  activate,
  activated,
  type Ended,
  inProcess,
  kyso,
  listen,
  main,
  password,
  pin,
  signerFor,
} from '../helpers/subscriber.ts';

t.test('kyso subscriber, where something is wrong', async (t) => {
  const token = await signerToken(t);

  await t.test(
    'what is wrong is said in a sentence in both languages, with exit code 1, and nothing is shown twice',
    async (t) => {
      const { person, where, run } = await activated(t, token);
      const spawned = await kyso(['subscriber', 'status', ...where], ['wrong-password']);
      t.match(spawned.stderr, /^kyso subscriber: /);
      t.notMatch(spawned.stderr, /\n {4}at /, 'no stack');
      const cases: [Ended, RegExp][] = [
        [spawned, /Tên đăng nhập hoặc mật khẩu.*User ID or password/],
        [await run('pin', 'a wrong pin', 'another pin 55'), /Mã PIN không đúng.*not the PIN/],
        [await run('pin', pin, '12345678'), /Mã PIN cần từ 8.*The PIN needs 8/],
        [await run('password', 'short'), /Mật khẩu cần từ 10.*needs 10 to 256/],
        [await run('unfreeze', '12345a', pin), /Mã xác thực.*one-time code is wrong/],
        [await run('pin', pin), /no line of input is left for: Mã PIN mới/],
        [await run('history --limit 0'), /--limit is a number from 1 to 100/],
        [await run('history --before xyz'), /Yêu cầu không hợp lệ.*malformed/],
        [await run('activate', 'x', 'y'), /Dữ liệu kích hoạt.*activation data/],
      ];
      for (const [{ status, stdout, stderr }, text] of cases) {
        t.equal(status, 1, text.source);
        t.match(stderr, text);
        t.equal(stdout, '');
      }
      const { stdout, stderr } = await run('status');
      for (const secret of [password, pin, person.totpSecret]) t.notMatch(stdout + stderr, secret, 'S4');
    },
  );

  await t.test('usage: exit code 2 for a command that is none; --help names the order of the questions', async (t) => {
    for (const args of [[], ['totp'], ['constructor'], ['status', '--unknown']])
      t.equal((await kyso(['subscriber', ...args])).status, 2, args.join(' '));
    const help = await kyso(['subscriber', '--help']);
    t.equal(help.status, 0);
    t.match(help.stdout, 'asks: one-time code, PIN');
  });

  await t.test('S30: passwords go over HTTPS, or to this machine itself; redirections are not followed', async (t) => {
    for (const url of [
      'http://sign.example.vn',
      'http://127.0.0.1.example.vn',
      'ftp://127.0.0.1',
      'sign.example.vn',
      'http://user:x@127.0.0.1',
    ])
      t.match(
        await inProcess(['status', '--url', url, '--user', 'x'], ['p']),
        { status: 1, stderr: /has to begin with https|has to end/ },
        url,
      );
    const asked: string[] = [];
    const elsewhere = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(307, { Location: '/elsewhere' }).end();
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const { port } = elsewhere.address() as AddressInfo;
    const answer = await inProcess(['status', '--url', `http://127.0.0.1:${port}`, '--user', 'x'], ['p']);
    t.match(answer, { status: 1, stderr: /check --url/ });
    t.same(asked, ['/subscriber/v1/login']);
    elsewhere.close();
    const closed = await inProcess(['status', '--url', `http://127.0.0.1:${port}`, '--user', 'x'], ['p']);
    t.match(closed, { status: 1, stderr: /does not answer \(ECONNREFUSED\): check --url/ });
  });

  await t.test(
    'S29: no control character of a server reaches the terminal; and whatever happens, it logs out',
    async (t) => {
      const hostile = 'x\u001b[2J\u0007\u202ey\nz';
      const entry = { at: 0, event: hostile, result: 'done', client: hostile, detail: hostile };
      const answers: Record<string, [number, object]> = {
        '/login': [200, { access_token: 'token' }],
        '/account': [200, { userID: hostile, name: hostile, status: 'active', pinLockedUntil: 0, otpLockedUntil: 0 }],
        '/history': [200, { entries: [entry], before: hostile }],
        '/freeze': [503, { error: 'busy', error_description: { vi: hostile, en: hostile } }],
      };
      const asked: string[] = [];
      const server = createServer((request, response) => {
        const path = request.url?.replace('/subscriber/v1', '') ?? '';
        asked.push(path);
        const [status, body] = answers[path] ?? [204, undefined];
        response.writeHead(status).end(body && JSON.stringify(body));
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.teardown(() => server.close());
      const { port } = server.address() as AddressInfo;
      for (const command of ['status', 'history', 'freeze']) {
        const where = ['--url', `http://127.0.0.1:${port}`, '--user', 'x'];
        const { stdout, stderr } = await inProcess([command, ...where], ['p']);
        t.match(stdout + stderr, /x \[2J y z/, command);
        t.notMatch(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f\u202e]/);
      }
      t.same(asked.filter((path) => path === '/logout').length, 3);
    },
  );

  await t.test('--ca trusts a private authority; without it the fix is named', async (t) => {
    const world = await signerFor(t, token);
    const person = await world.newPerson({ activate: false });
    const directory = t.testdir();
    const ca = opensslCa(directory);
    const files = ca.server('server', { names: 'IP:127.0.0.1' });
    const tls = { certificate: readFileSync(files.certificate, 'utf8'), key: readFileSync(files.key) };
    const url = await listen(t, world, tls);
    const root = join(directory, 'trusted.pem');
    writeFileSync(root, ca.root);
    const where = ['--url', url, '--user', person.userID];
    t.equal((await activate(person, [...where, '--ca', root])).status, 0);
    t.match(await kyso(['subscriber', 'status', ...where, '--ca', root], [password]), { status: 0, stdout: /active/ });
    t.match(await kyso(['subscriber', 'status', ...where], [password]), { status: 1, stderr: /--ca FILE/ });
    for (const file of [join(directory, 'missing.pem'), main])
      t.match(await kyso(['subscriber', 'status', ...where, '--ca', file], [password]), {
        status: 1,
        stderr: /certificates in PEM/,
      });
    const other = url.replace('127.0.0.1', 'localhost');
    const misnamed = await kyso(['subscriber', 'status', '--url', other, '--user', 'x', '--ca', root], [password]);
    t.match(misnamed, { status: 1, stderr: /certificate of another server/ });
  });
});
