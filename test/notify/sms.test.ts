import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import type { Delivery, DeliveryFailure } from '../../src/notify/carrier.ts';
import { type SmsConfig, smsCarrier } from '../../src/notify/sms-gateway.ts';
import { measureSms, withoutDiacritics } from '../../src/notify/sms-text.ts';
import { render } from '../../src/notify/templates.ts';
import { refused } from '../helpers/refused.ts';
import { freePort } from '../helpers/sandbox.ts';

type Seen = { method: string | undefined; url: string | undefined; headers: IncomingHttpHeaders; body: string };

/** A gateway that keeps what it gets and answers as `answer` says. */
async function gateway(t: Test, answer: (response: ServerResponse) => void = (response) => response.end()) {
  const seen: Seen[] = [];
  const self = { url: '', seen, answer };
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    seen.push({ method, url, headers, body: await textOf(request) });
    self.answer(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  self.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sms`;
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return self;
}

const never = new AbortController().signal;
const delivery: Delivery = { id: 'message-1', to: '+84900000001', subject: '', text: 'Kyso: đã hủy' };
const send = (config: SmsConfig, token?: string) => smsCarrier(config, token).deliver(delivery, never);

t.test('the exchange of docs/sms-gateway.md', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'sms-gateway.md'), 'utf8');
  const [request = '', response = ''] = [...page.matchAll(/```http\n(.*?)\n```/gs)].map(([, block]) => block!);
  const [head = '', body = ''] = request.split('\n\n');
  const [line, ...fields] = head.split('\n');
  const [status = '', answer = ''] = response.split('\n\n');
  const { url, seen } = await gateway(t, (response) => {
    response.writeHead(Number(/ (\d{3}) /.exec(status)?.[1]), { 'content-type': 'application/json' }).end(answer);
  });
  const { id, to } = JSON.parse(body);
  const { text } = render({ template: 'activation.sms', channel: 'sms', values: { half: '7G4K-M2QX-9TBE-4' } });
  const { deliver } = smsCarrier({ url, text: 'ascii' }, 'a-token-from-your-gateway');
  t.same(await deliver({ id, to, subject: '', text }, never), { receipt: JSON.parse(answer).receipt });
  t.equal(seen.length, 1);
  t.equal(line, `${seen[0]?.method} ${seen[0]?.url} HTTP/1.1`);
  t.equal(seen[0]?.body, body);
  t.equal(fields.length, 3);
  for (const field of fields) {
    const [name = '', value] = field.split(': ');
    t.equal(seen[0]?.headers[name.toLowerCase()], value, name);
  }
});

t.test('no token, no Authorization; with diacritics where the gateway takes them', async (t) => {
  const { url, seen } = await gateway(t);
  await send({ url, text: 'unicode' });
  t.equal(seen[0]?.headers.authorization, undefined);
  t.match(JSON.parse(seen[0]!.body), { text: 'Kyso: đã hủy', encoding: 'UCS-2', segments: 1 });
});

t.test('which answers are final', async (t) => {
  const gate = await gateway(t);
  const permanent = [400, 404, 405, 410, 413, 415, 422];
  const passing = [301, 302, 307, 308, 401, 403, 408, 425, 429, 500, 502, 503, 504];
  for (const status of [...permanent, ...passing]) {
    gate.answer = (response) => response.writeHead(status, { location: '/elsewhere' }).end('to +84900000001');
    const failure = await failureOf(send({ url: gate.url, text: 'ascii' }));
    t.match(failure, { permanent: permanent.includes(status), trouble: `SMS gateway ${status}` });
  }
  t.notOk(
    gate.seen.some(({ url }) => url !== '/sms'),
    'S30: no redirect is followed',
  );
  gate.answer = (response) => response.destroy();
  const cut = await failureOf(send({ url: gate.url, text: 'ascii' }));
  t.match(cut, { permanent: false, trouble: /^SMS gateway unreachable/ });
  const away = await failureOf(send({ url: `http://127.0.0.1:${await freePort()}/sms`, text: 'ascii' }));
  t.match(away, { permanent: false, trouble: 'SMS gateway unreachable: ECONNREFUSED' });
  const refusedByFetch = await failureOf(send({ url: 'http://127.0.0.1:6000/sms', text: 'ascii' }));
  t.match(refusedByFetch, { permanent: false, trouble: 'SMS gateway unreachable: bad port' });
});

t.test('whatever a gateway says with its 2xx, the message is taken', async (t) => {
  const gate = await gateway(t);
  const answers: [string, string | undefined][] = [
    ['', undefined],
    ['not JSON', undefined],
    ['null', undefined],
    ['[]', undefined],
    ['{"receipt":7}', undefined],
    ['{"receipt":"a\\u0000b"}', undefined],
    ['{"receipt":"x y"}', undefined],
    [`{"receipt":"${'x'.repeat(101)}"}`, undefined],
    [`{"receipt":"r","padding":"${'x'.repeat(1_000_000)}"}`, undefined],
    ['{"receipt":"r-1"}', 'r-1'],
  ];
  for (const [body, receipt] of answers) {
    gate.answer = (response) => response.end(body);
    t.same((await send({ url: gate.url, text: 'ascii' })).receipt, receipt, body.slice(0, 40));
  }
  gate.answer = (response) =>
    response.writeHead(200, { 'content-length': 100 }).write('{"rec', () => response.destroy());
  t.same((await send({ url: gate.url, text: 'ascii' })).receipt, undefined, 'cut off in the middle');
});

t.test('a try ends when it is told to', async (t) => {
  const gate = await gateway(t, () => {});
  const stop = new AbortController();
  const trying = failureOf(smsCarrier({ url: gate.url, text: 'ascii' }, undefined).deliver(delivery, stop.signal));
  while (gate.seen.length === 0) await new Promise(setImmediate);
  stop.abort();
  t.match(await trying, { permanent: false, trouble: 'SMS gateway unreachable: AbortError' });
});

t.test('an address or a token that cannot be right is refused at the start', async (t) => {
  const wrong = [
    ...['http://sms.example.vn/send', 'http://127.0.0.1.example.vn/', 'http://localhost.example.vn/', 'http://'],
    ...['https://user:password@sms.example.vn/', 'ftp://127.0.0.2.example.vn/'],
  ];
  for (const url of wrong) {
    t.throws(() => smsCarrier({ url, text: 'ascii' }, undefined), refused('configuration'), url);
  }
  for (const url of ['https://sms.example.vn/send', 'http://localhost:8080/', 'http://[::1]:8080/']) {
    t.ok(smsCarrier({ url, text: 'ascii' }, undefined), url);
  }
  for (const token of ['', 'a b', 'a\r\nX-Evil: 1', 'khóa']) {
    t.throws(() => smsCarrier({ url: 'https://sms.example.vn/', text: 'ascii' }, token), refused('configuration'));
  }
});

t.test('S87: how a text travels (3GPP TS 23.038): septets, extension table, parts', async (t) => {
  const basic =
    '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
    '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
  t.equal([...basic].length, 127, 'the basic table without ESC');
  for (const one of basic) t.match(measureSms(one), { encoding: 'GSM-7', segments: 1 });
  for (const one of '^{}\\[~]|€\f') {
    t.same(measureSms(one.repeat(80)), { encoding: 'GSM-7', segments: 1 }, `${one} takes two septets`);
    t.same(measureSms(one.repeat(81)), { encoding: 'GSM-7', segments: 2 });
  }
  for (const one of ['`', 'ç', 'đ', 'ạ', 'Ă', '\t', '’', '–', '₫', '\u001b', '😀'])
    t.equal(measureSms(one).encoding, 'UCS-2', one);

  const lengths: [string, number, number][] = [
    ['a', 0, 1],
    ['a', 160, 1],
    ['a', 161, 2],
    ['a', 306, 2],
    ['a', 307, 3],
    ['đ', 70, 1],
    ['đ', 71, 2],
    ['đ', 134, 2],
    ['đ', 135, 3],
    ['😀', 35, 1],
    ['😀', 36, 2],
    // 67 units hold 33 pairs: none is cut in two.
    ['😀', 66, 2],
    ['😀', 67, 3],
    // 153 septets hold 76 of these.
    ['€', 152, 2],
    ['€', 153, 3],
  ];
  for (const [one, count, segments] of lengths)
    t.equal(measureSms(one.repeat(count)).segments, segments, `${count} ${one}`);
});

t.test('Vietnamese without diacritics fits GSM-7', async (t) => {
  const letters = 'aàảãáạăằẳẵắặâầẩẫấậeèẻẽéẹêềểễếệiìỉĩíịoòỏõóọôồổỗốộơờởỡớợuùủũúụưừửữứựyỳỷỹýỵđ';
  const folded = withoutDiacritics(letters + letters.toUpperCase());
  t.match(folded, /^[a-z]+[A-Z]+$/);
  t.equal(withoutDiacritics('Đặng Thị Ngọc Ưởng, điện thoại'), 'Dang Thi Ngoc Uong, dien thoai');
  t.equal(withoutDiacritics('Đặng'.normalize('NFD')), 'Dang');
  t.equal(measureSms(folded).encoding, 'GSM-7');
});

async function failureOf(trying: Promise<unknown>): Promise<Partial<DeliveryFailure>> {
  try {
    await trying;
  } catch (error) {
    return error as DeliveryFailure;
  }
  return {};
}
