import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type ConfigFile, pathsOf } from '../../src/config.ts';
import { connectIpc } from '../../src/ipc/client.ts';
import type { Link } from '../../src/ipc/contract.ts';
import { notifyContract } from '../../src/ipc/notify-contract.ts';
import { lease } from '../../src/notify/outbox.ts';
import { smtpCarrier } from '../../src/notify/smtp.ts';
import { notifyDomain } from '../../src/store/notify/tables.ts';
import { openStore } from '../../src/store/open-store.ts';
import { fakeClock } from '../helpers/fake-clock.ts';
import { startMailServer } from '../helpers/mail-server.ts';
import { delivering, message, outboxKey, outboxOn, sms } from '../helpers/outbox.ts';
import { refused } from '../helpers/refused.ts';
import { contentsOf, filesBelow, findSecrets } from '../helpers/secrets.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { until } from '../helpers/until.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const clock = fakeClock(Date.now());

/** An installation in which notify runs alone, with credentials as systemd would lay them down. */
function installation(t: Test, ways: ConfigFile['notify']) {
  const directory = join(shortDirectory(t), 'd');
  const credentials = join(directory, 'credentials');
  mkdirSync(credentials, { recursive: true });
  const config = {
    ...{ mode: 'service', name: 'x', instance: 'signer-1', store: { engine: 'sqlite' } },
    http: { host: '127.0.0.1', port: 8700, trustedProxies: [] },
    pkcs11: { module: '/none', workers: 1 },
    ...(ways && { notify: ways }),
  };
  writeFileSync(join(directory, 'kyso.json'), JSON.stringify(config));
  const links = { signer: randomBytes(32), operator: randomBytes(32) };
  for (const [name, key] of Object.entries(links)) {
    writeFileSync(join(credentials, `link-${name}-notify`), `${key.toString('base64')}\n`);
  }
  writeFileSync(join(credentials, 'outbox-key'), outboxKey);
  const paths = pathsOf({ directory });
  return {
    directory,
    file: join(paths.own('notify'), 'store.db'),
    start() {
      const env = ['-i', `PATH=${process.env.PATH}`, `CREDENTIALS_DIRECTORY=${credentials}`];
      const child = spawn('env', [...env, process.execPath, main, 'notify', '--dir', directory], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const log = { text: '' };
      child.stderr.on('data', (chunk) => {
        log.text += String(chunk);
      });
      t.teardown(() => end(child, 'SIGKILL'));
      return { child, log };
    },
    connect(link: 'signer' | 'operator', as: Link = link) {
      const peer = connectIpc({ path: paths.socket('notify'), contract: notifyContract, link: as, key: links[link] });
      t.teardown(() => peer.close());
      return peer;
    },
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = once(child, 'exit');
  child.kill(signal);
  const [code] = await ended;
  return code;
}

const smtpTo = (port: number) => ({ host: '127.0.0.1', port, security: 'none', from: 'kyso@x.vn' }) as const;

t.test('S87: kill -9 loses no message that was taken, and what comes twice has one Message-ID', async (t) => {
  const server = await startMailServer(t);
  server.behave = { data: 'hang' };
  const place = installation(t, { smtp: smtpTo(server.port) });
  const first = place.start();
  const signer = place.connect('signer');
  await until(signer.connected);
  const marker = 'MARKER-c0de';
  const posted = Array.from({ length: 30 }, () => {
    const values = { name: 'Nguyễn Thị Lan', code: marker, minutes: '5' };
    return message(clock, { values });
  });
  await signer.call('messages.post', { messages: posted });
  const racing = Array.from({ length: 40 }, () => message(clock, { to: 'binh@example.vn' }));
  const answers = racing.map((one) =>
    signer.call('messages.post', { messages: [one] }).then(
      () => one.id,
      () => undefined,
    ),
  );
  await Promise.any(answers);
  await until(() => server.mails.length === 4);
  await end(first.child, 'SIGKILL');
  const taken = (await Promise.all(answers)).filter((id) => id !== undefined);
  const hung = server.mails.splice(0).map(({ parsed }) => parsed.messageId);
  const files = contentsOf(filesBelow(join(place.directory, 'notify')));
  t.same(findSecrets({ ...files, log: first.log.text }, { marker, to: 'lan@example.vn' }), []);

  server.behave = {};
  const second = place.start();
  const operator = place.connect('operator');
  const sentTo = (to: string) => server.mails.filter(({ recipients }) => recipients[0] === to);
  await until(async () => (await operator.call('status', {}).catch(() => undefined))?.waiting === 4);
  t.equal(sentTo('lan@example.vn').length, 26);
  t.equal(await end(second.child, 'SIGTERM'), 0);

  // What the first one had in hand is due when its lease is over.
  const store = await openStore(notifyDomain, { engine: 'sqlite', file: place.file });
  t.teardown(() => store.close());
  const later = fakeClock(Date.now() + lease);
  const { outbox } = outboxOn(store, later);
  delivering(t, outbox, { email: smtpCarrier(smtpTo(server.port), undefined) });
  await until(() => sentTo('lan@example.vn').length === 30);
  const arrived = server.mails.map(({ parsed }) => parsed.messageId);
  t.equal(new Set(arrived).size, arrived.length, 'each once in its second life');
  const ids = (list: { id: string }[]) => list.map(({ id }) => `<${id}@x.vn>`).sort();
  t.same(
    sentTo('lan@example.vn')
      .map(({ parsed }) => parsed.messageId)
      .sort(),
    ids(posted),
  );
  t.ok(taken.length > 0);
  for (const id of taken) t.ok(arrived.includes(`<${id}@x.vn>`), 'what was answered was durable');
  t.ok(
    hung.every((id) => arrived.includes(id)),
    'those of the crash came again under the same Message-ID',
  );
  t.same(findSecrets({ log: second.log.text }, { marker, to: 'lan@example.vn' }), []);
});

t.test(
  'only signer posts, a malformed message is refused, and without a way out all waits and status says so',
  async (t) => {
    const place = installation(t, undefined);
    const { child } = place.start();
    const [signer, operator] = [place.connect('signer'), place.connect('operator')];
    const impostor = place.connect('operator', 'signer');
    await until(() => signer.connected() && operator.connected());
    t.notOk(impostor.connected());
    const one = message(clock);
    await t.rejects(operator.call('messages.post', { messages: [one] }), refused('requestInvalid'));
    await t.rejects(signer.call('messages.post', { messages: [] }), refused('requestInvalid'));
    await t.rejects(signer.call('messages.post', { messages: [{ ...one, values: {} }] }), refused('requestInvalid'));
    await t.rejects(
      signer.call('messages.post', { messages: [one, { ...one, template: 'x' as never }] }),
      refused('requestInvalid'),
    );
    await signer.call('messages.post', { messages: [one, one, sms(clock)] });
    t.same(await operator.call('status', {}), {
      ...{ ready: true, waiting: 2, delayed: true, trouble: 'no way out for email is configured' },
    });
    t.equal(await end(child, 'SIGTERM'), 0);
  },
);

t.test('a configuration that would send in the clear does not start, and says what to change', async (t) => {
  const place = installation(t, { smtp: { ...smtpTo(25), host: 'mail.example.vn' } });
  const { child, log } = place.start();
  const [code] = await once(child, 'exit');
  t.equal(code, 78);
  t.match(log.text, /notify\.smtp.*starttls or tls/);
});
