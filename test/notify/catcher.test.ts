import { once } from 'node:events';
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type CaughtMessage, readMessages } from '../../src/cli/mailbox.ts';
import { catcherPorts, catcherUrl } from '../../src/config.ts';
import { startCatcher } from '../../src/notify/catcher.ts';
import { caughtMessages } from '../../src/notify/caught.ts';
import { smsCarrier } from '../../src/notify/sms-gateway.ts';
import { smtpCarrier } from '../../src/notify/smtp.ts';
import { refused } from '../helpers/refused.ts';
import { freePort } from '../helpers/sandbox.ts';

const key = 'a-key-that-nobody-guesses';
const never = new AbortController().signal;

async function catcher(t: Test, file: string) {
  const ports = { smtp: await freePort(), http: await freePort() };
  const { stop } = await startCatcher({ ports, key, messages: caughtMessages(file) });
  t.teardown(stop);
  const base = `http://127.0.0.1:${ports.http}`;
  const mail = smtpCarrier({ host: '127.0.0.1', port: ports.smtp, security: 'none', from: 'kyso@x.vn' }, undefined);
  t.teardown(() => mail.close());
  const phone = smsCarrier({ url: `${base}/sms`, text: 'ascii' }, undefined);
  return { ports, base, url: `${base}/${key}/messages`, mail, phone, stop };
}

t.test('the catcher shows what was sent, newest last, and a restart loses nothing', async (t) => {
  const file = join(t.testdir(), 'messages.jsonl');
  const first = await catcher(t, file);
  t.same(await readMessages(first.url), []);
  const mail = {
    id: 'm-1',
    to: 'lan@example.vn',
    subject: 'Kyso: Mã xác thực / Code',
    text: 'Kính gửi Lan,\n\n    012345\n',
  };
  await first.mail.deliver(mail, never);
  const { receipt } = await first.phone.deliver(
    { id: 's-1', to: '+84900000001', subject: '', text: 'Mã: đúng' },
    never,
  );
  t.equal(receipt, 'catcher-s-1');
  const expected = [
    { channel: 'email', to: 'lan@example.vn', subject: mail.subject, text: mail.text, at: /^20.*Z$/ },
    { channel: 'sms', to: '+84900000001', subject: '', text: 'Ma: dung', at: /^20.*Z$/ },
  ];
  const caught = await readMessages(first.url);
  t.match(caught, expected);
  t.same(Object.keys(caught[0]!).sort(), ['at', 'channel', 'subject', 'text', 'to']);
  t.equal(statSync(file).mode & 0o777, 0o600);
  const response = await fetch(first.url, { headers: { connection: 'close' } });
  t.equal(response.headers.get('cache-control'), 'no-store');
  t.match(response.headers.get('content-type'), /^application\/json/);
  t.same(await response.json(), caught);

  first.mail.close();
  await first.stop();
  appendFileSync(file, '{"channel":"email","to":"cut o');
  const second = await catcher(t, file);
  t.same(await readMessages(second.url), caught);
  await second.mail.deliver({ ...mail, id: 'm-2' }, never);
  t.equal(caughtMessages(file).all().length, 3, 'what comes after a line that a crash cut off is not lost with it');
});

t.test('only who knows the key reads, and nothing else is answered', async (t) => {
  const { base, url, phone } = await catcher(t, join(t.testdir(), 'messages.jsonl'));
  const wrong = [
    ...['/', '/messages', `/${key}`, `/${key}/messages/`, `/${key}/messages?x`, `/x${key.slice(1)}/messages`, '/sms'],
    ...[`/${key.toUpperCase()}/messages`, `//${key}/messages`, `/${key}/../${key}/Messages`],
  ];
  for (const path of wrong) t.equal((await fetch(`${base}${path}`)).status, 404, path);
  for (const method of ['POST', 'PUT', 'DELETE', 'HEAD']) t.equal((await fetch(url, { method })).status, 404, method);

  const post = (body: string, type = 'application/json') =>
    fetch(`${base}/sms`, { method: 'POST', headers: { 'content-type': type }, body });
  t.equal(
    (await post('{"id":"1","to":"+84900000001","text":"x"}', 'text/plain')).status,
    415,
    'no web page sends here',
  );
  for (const body of ['', 'x', 'null', '{}', '{"id":1,"to":"+84","text":"x"}'])
    t.equal((await post(body)).status, 400, body);
  t.equal((await post('x'.repeat(1024 * 1024 + 1)).catch(() => ({ status: 413 }))).status, 413);
  await phone.deliver({ id: 's-1', to: '+84900000001', subject: '', text: 'still there' }, never);
  t.match(await readMessages(url), [{ text: 'still there' }]);
});

t.test('the newest 500 are kept, in memory and in the file', async (t) => {
  const file = join(t.testdir(), 'messages.jsonl');
  const messages = caughtMessages(file);
  const message = (n: number): CaughtMessage => ({
    channel: 'sms',
    to: '+84900000001',
    subject: '',
    text: `${n}`,
    at: 'now',
  });
  for (let n = 1; n <= 2_300; n += 1) {
    messages.add(message(n));
    if (n % 500 === 0) t.ok(readFileSync(file, 'utf8').trim().split('\n').length <= 1_000, `after ${n}`);
  }
  const newest = Array.from({ length: 500 }, (_, n) => message(1_801 + n));
  t.same(messages.all(), newest);
  t.same(caughtMessages(file).all(), newest);
  writeFileSync(file, '');
  t.same(caughtMessages(file).all(), []);
});

t.test('a port that is taken is named, with the way out', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const taken = (server.address() as { port: number }).port;
  const messages = caughtMessages(join(t.testdir(), 'messages.jsonl'));
  for (const name of ['smtp', 'http'] as const) {
    const ports = { smtp: await freePort(), http: await freePort(), [name]: taken };
    const expected = { ...refused('configuration'), message: new RegExp(`127.0.0.1:${taken}.*--port`) };
    await t.rejects(startCatcher({ ports, key, messages }), expected);
    const other = name === 'smtp' ? ports.http : ports.smtp;
    const again = createServer().listen(other, '127.0.0.1');
    await once(again, 'listening');
    again.close();
    t.pass('and the other port is free again');
  }
});

t.test('its ports lie beside the API, where fetch may go', async (t) => {
  for (const port of [443, 3000, 4000, 5000, 5060, 8000, 8080, 8443, 8700, 9000, 9080, 63_529, 63_530, 65_535]) {
    const { smtp, http } = catcherPorts({ http: { host: '127.0.0.1', port, trustedProxies: [] } });
    t.equal(new Set([port, smtp, http]).size, 3);
    t.ok(smtp > 1023 && smtp <= 65_535 && http <= 65_535);
    const error: Error = await fetch(`http://127.0.0.1:${http}/`).then(
      () => new Error('answered'),
      (failed) => failed.cause,
    );
    t.not(error.message, 'bad port', `${port} → ${http}`);
  }
  const config = { http: { host: '127.0.0.1', port: 8700, trustedProxies: [] } };
  t.equal(catcherUrl(config as never, 'KEY'), 'http://127.0.0.1:9703/KEY/messages');
});
