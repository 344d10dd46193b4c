import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import t, { type Test } from 'tap';
import type { Delivery, DeliveryFailure } from '../../src/notify/carrier.ts';
import { type SmtpConfig, smtpCarrier } from '../../src/notify/smtp.ts';
import { render } from '../../src/notify/templates.ts';
import { openssl } from '../helpers/authority.ts';
import { type Behaviour, startMailServer } from '../helpers/mail-server.ts';
import { refused } from '../helpers/refused.ts';

const config = (over: Partial<SmtpConfig>): SmtpConfig => ({
  ...{ host: '127.0.0.1', port: 1, security: 'none', from: 'kyso@sandbox.example.vn' },
  ...over,
});
const delivery: Delivery = { id: 'message-1', to: 'lan@example.vn', subject: 'Mã / Code', text: 'Xin chào\n' };
const never = new AbortController().signal;

function carrier(t: Test, over: Partial<SmtpConfig>, password?: string) {
  const made = smtpCarrier(config(over), password);
  t.teardown(() => made.close());
  return made;
}

/** A certificate for 127.0.0.1 that nobody knows. */
function certificate(t: Test): { key: string; cert: string } {
  const directory = t.testdir();
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const subject = ['-subj', '/CN=mail', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    ...subject,
    '-keyout',
    key,
    '-out',
    cert,
  );
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

t.test('activation data never goes out in the clear to another machine', async (t) => {
  for (const host of ['mail.example.vn', '10.0.0.1', '127.0.0.1.example.vn', 'localhost.example.vn', '0.0.0.0']) {
    t.throws(
      () => smtpCarrier(config({ host }), undefined),
      { ...refused('configuration'), message: /starttls or tls/ },
      host,
    );
  }
  for (const host of ['127.0.0.1', 'localhost', '::1', '127.9.9.9']) carrier(t, { host });
  const other = { host: 'mail.example.vn', security: 'starttls', user: 'kyso' } as const;
  t.throws(() => smtpCarrier(config(other), undefined), { ...refused('configuration'), message: /smtp-password/ });
  for (const from of ['kyso', 'kyso@', 'a@b.vn\r\nBcc: c@d.vn', '<a@b.vn', 'Kyso a@b.vn, c@d.vn']) {
    t.throws(() => smtpCarrier(config({ from }), undefined), refused('configuration'), from);
  }
});

t.test('STARTTLS and TLS: an unknown certificate gets no message, a known one does', async (t) => {
  const pair = certificate(t);
  const user = { onAuth: acceptAuth, authMethods: ['PLAIN'] };
  const starttls = await startMailServer(t, { ...pair, ...user, disabledCommands: [] });
  const tls = await startMailServer(t, { ...pair, ...user, secure: true, disabledCommands: [] });
  const login = { user: 'kyso' };
  const ways = [
    { security: 'starttls', port: starttls.port, ...login },
    { security: 'tls', port: tls.port, ...login },
  ] as const;
  for (const way of ways) {
    const failure = await failureOf(carrier(t, way, 'right').deliver(delivery, never));
    t.match(failure, { permanent: false, trouble: /^SMTP (ESOCKET|ETLS) DEPTH_ZERO_SELF_SIGNED_CERT$/ }, way.security);
  }
  t.same([...starttls.mails, ...tls.mails], []);

  const before = getCACertificates('default');
  t.teardown(() => setDefaultCACertificates(before));
  setDefaultCACertificates([...before, pair.cert]);
  for (const way of ways) {
    await carrier(t, way, 'right').deliver(delivery, never);
    const failure = await failureOf(carrier(t, way, 'wrong').deliver(delivery, never));
    t.match(failure, { permanent: false, trouble: 'SMTP 535' }, 'a refused login is no reason to give a message up');
  }
  for (const { mails } of [starttls, tls])
    t.match(mails, [{ secure: true, user: 'kyso', recipients: ['lan@example.vn'] }]);
});

t.test('where STARTTLS is required and not offered, nothing is said', async (t) => {
  const server = await startMailServer(t);
  const failure = await failureOf(carrier(t, { security: 'starttls', port: server.port }).deliver(delivery, never));
  t.match(failure, { permanent: false, trouble: /^SMTP/ });
  t.same(server.mails, []);
});

t.test('what is final and what passes', async (t) => {
  const server = await startMailServer(t);
  const { deliver } = carrier(t, { port: server.port });
  const answer = (responseCode: number, message = 'no') => ({ responseCode, message });
  const cases: [Behaviour, permanent: boolean, trouble: string][] = [
    [{ recipient: answer(550, '5.1.1 unknown') }, true, 'SMTP 550'],
    [{ recipient: answer(552, '5.2.2 full') }, true, 'SMTP 552'],
    [{ recipient: answer(553) }, true, 'SMTP 553'],
    [{ recipient: answer(450) }, false, 'SMTP 450'],
    [{ recipient: answer(452, '4.2.2 full') }, false, 'SMTP 452'],
    [{ recipient: answer(554, '5.7.1 relay access denied') }, false, 'SMTP 554'],
    [{ recipient: answer(530, 'authentication required') }, false, 'SMTP 530'],
    [{ sender: answer(550, 'who are you') }, false, 'SMTP 550'],
    [{ data: answer(554, 'refused') }, true, 'SMTP 554'],
    [{ data: answer(451) }, false, 'SMTP 451'],
    [{ data: 'drop' }, false, 'SMTP ECONNECTION'],
  ];
  for (const [behaviour, permanent, trouble] of cases) {
    server.behave = behaviour;
    t.match(await failureOf(deliver(delivery, never)), { permanent, trouble }, JSON.stringify(behaviour));
  }
  server.behave = {};
  t.same(await deliver(delivery, never), {}, 'and the next one goes out');
});

t.test('a try ends when it is told to, also while the server thinks', async (t) => {
  const server = await startMailServer(t);
  server.behave = { data: 'hang' };
  const stop = new AbortController();
  const trying = failureOf(carrier(t, { port: server.port }).deliver(delivery, stop.signal));
  while (server.mails.length === 0) await new Promise(setImmediate);
  stop.abort();
  t.match(await trying, { permanent: false, trouble: 'SMTP EABORT' });
});

t.test('S29: no value becomes a header, an address or an SMTP command', async (t) => {
  const server = await startMailServer(t);
  const { deliver } = carrier(t, { port: server.port, from: 'Kyso, "ký số" <kyso@sandbox.example.vn>' });
  const hostile = [
    'x\r\nBcc: evil@example.com',
    'x\nSubject: evil',
    'x\r\n\r\n<script>alert(1)</script>',
    'x\r\n.\r\nMAIL FROM:<evil@example.com>',
    'x\u2028Bcc: evil@example.com\u2029',
    'x\u0085Bcc: evil@example.com\u0000\u001b[2J',
    '=?UTF-8?B?QmNjOiBldmlsQGV4YW1wbGUuY29t?=',
    '\u202Egnp.exe\u2066',
    '%0d%0aBcc: evil@example.com',
    '{{constructor}} $' + '{process.env.PATH}',
    '\ud800',
  ];
  for (const [n, text] of hostile.entries()) {
    const values = { name: text, signatures: '1', credential: text, time: text, client: text };
    const mail = render({ template: 'signed', channel: 'email', values });
    await deliver({ id: `message-${n}`, to: 'lan@example.vn', ...mail }, never);
  }
  t.equal(server.mails.length, hostile.length);
  for (const { recipients, parsed } of server.mails) {
    t.same(recipients, ['lan@example.vn']);
    const names = parsed.headers.map(({ key }) => key).sort();
    t.same(names, [
      ...['auto-submitted', 'content-transfer-encoding', 'content-type', 'date', 'from', 'message-id'],
      ...['mime-version', 'subject', 'to'],
    ]);
    t.equal(parsed.subject, 'Kyso: Khóa ký của bạn vừa được sử dụng / Your signing key was used');
    t.match(
      [parsed.from, ...(parsed.to ?? [])],
      [{ name: 'Kyso, ký số', address: 'kyso@sandbox.example.vn' }, { address: 'lan@example.vn' }],
    );
    t.notMatch(parsed.text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202e\u2066]|\nBcc|\nSubject|\n\./);
  }
});

t.test('S29: an address that got past the outbox still reaches nobody else', async (t) => {
  const server = await startMailServer(t);
  const { deliver } = carrier(t, { port: server.port });
  for (const to of ['a@b.vn, evil@example.com', 'a@b.vn\r\nRCPT TO:<evil@example.com>', 'a@b.vn>\r\nDATA']) {
    await deliver({ ...delivery, to }, never).catch(() => {});
  }
  t.notOk(server.mails.some(({ recipients }) => recipients.length > 1 || recipients.includes('evil@example.com')));
});

async function failureOf(trying: Promise<unknown>): Promise<Partial<DeliveryFailure>> {
  try {
    await trying;
  } catch (error) {
    return error as DeliveryFailure;
  }
  return {};
}

function acceptAuth(
  { username, password }: { username?: string | undefined; password?: string | null | undefined },
  _session: unknown,
  done: (error: Error | null, answer?: { user: string }) => void,
): void {
  if (username === 'kyso' && password === 'right') done(null, { user: username });
  else done(Object.assign(new Error('no'), { responseCode: 535 }));
}
