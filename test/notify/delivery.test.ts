import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { type Carrier, DeliveryFailure } from '../../src/notify/carrier.ts';
import { lease } from '../../src/notify/outbox.ts';
import { smtpCarrier } from '../../src/notify/smtp.ts';
import { render } from '../../src/notify/templates.ts';
import { type NotifyStore, notifyDomain } from '../../src/store/notify/tables.ts';
import { openStore } from '../../src/store/open-store.ts';
import { startMailServer } from '../helpers/mail-server.ts';
import { day, delivering, message, outboxOn, sms } from '../helpers/outbox.ts';
import { onBothEngines } from '../helpers/stores.ts';
import { until } from '../helpers/until.ts';

const rowsOf = (store: NotifyStore) => store.read.db.select().from(store.read.t.messages);
const through = (port: number) =>
  smtpCarrier({ host: '127.0.0.1', port, security: 'none', from: 'Kyso <kyso@sandbox.example.vn>' }, undefined);

/** A carrier that keeps what it gets. */
function kept() {
  const ids: string[] = [];
  const carrier: Carrier = {
    close() {},
    async deliver({ id }) {
      ids.push(id);
      return {};
    },
  };
  return { ids, carrier };
}

await onBothEngines(t, async (t, stores) => {
  const fresh = async () => outboxOn(await stores.open(notifyDomain));

  await t.test('a message goes out once, soon after it came', async (t) => {
    const server = await startMailServer(t);
    const { store, clock, outbox } = await fresh();
    const delivery = delivering(t, outbox, { email: through(server.port) });
    const one = message(clock);
    await Promise.all(Array.from({ length: 20 }, () => outbox.post([one])));
    delivery.wake();
    await until(async () => (await rowsOf(store))[0]?.status === 'sent');
    await outbox.post([one]);
    delivery.wake();
    const last = message(clock, { to: 'binh@example.vn' });
    await outbox.post([last]);
    await until(() => server.mails.some(({ recipients }) => recipients[0] === 'binh@example.vn'));
    t.same(server.mails.length, 2, 'a message that comes again after its delivery is not sent again');
    const { parsed, recipients } = server.mails[0]!;
    t.same(recipients, ['lan@example.vn']);
    t.equal(parsed.messageId, `<${one.id}@sandbox.example.vn>`);
    t.equal(parsed.subject, 'Kyso: Mã xác thực một lần / Your one-time code');
    t.match(parsed.text, /Kính gửi Nguyễn Thị Lan,.*123456.*Dear Nguyễn Thị Lan,/s);
    t.same(delivery.troubles, []);
    await until(async () => (await delivery.status()).waiting === 0);
  });

  await t.test('S87: two deliverers on one store send each message once', async (t) => {
    const server = await startMailServer(t);
    const location = await stores.location();
    const open = async () => {
      const store = await openStore(notifyDomain, location);
      t.teardown(() => store.close());
      return store;
    };
    const first = await open();
    // SQLite has one process at a time; there, two deliverers in it.
    const second = stores.engine === 'postgresql' ? await open() : first;
    const { clock, outbox } = outboxOn(first);
    const other = outboxOn(second, clock).outbox;
    const posted = Array.from({ length: 60 }, () => message(clock));
    await outbox.post(posted);
    const loops = [outbox, other].map((one) => delivering(t, one, { email: through(server.port) }));
    await until(async () => (await rowsOf(first)).every(({ status }) => status === 'sent'));
    for (const loop of loops) await loop.stop();
    const ids = server.mails.map(({ parsed }) => parsed.messageId).sort();
    t.same(ids, posted.map(({ id }) => `<${id}@sandbox.example.vn>`).sort());
  });

  await t.test('S87: a crash between send and mark sends it again under the same Message-ID', async (t) => {
    const server = await startMailServer(t);
    const { store, clock } = await fresh();
    let writes = 0;
    const dying: NotifyStore = {
      ...store,
      // post, claim, then the mark that never comes to be
      write: (work) => (++writes === 3 ? new Promise(() => {}) : store.write(work)),
    };
    const dead = outboxOn(dying, clock).outbox;
    const one = message(clock);
    await dead.post([one]);
    const claim = await dead.claim(one.id);
    const carrier = through(server.port);
    t.teardown(() => carrier.close());
    await carrier.deliver({ id: one.id, to: one.to, ...render(one) }, new AbortController().signal);
    void dead.end(claim!, 'sent');

    const { outbox } = outboxOn(store, clock);
    delivering(t, outbox, { email: through(server.port) });
    clock.advance(lease);
    await until(async () => (await rowsOf(store))[0]?.status === 'sent');
    t.same(
      server.mails.map(({ parsed }) => parsed.messageId),
      Array(2).fill(`<${one.id}@sandbox.example.vn>`),
    );
  });

  await t.test('what cannot be recorded is sent again, and reported', async (t) => {
    const { store, clock } = await fresh();
    let broken = true;
    const { outbox } = outboxOn(store, clock);
    const flaky = {
      ...outbox,
      end: (...args: Parameters<typeof outbox.end>) => {
        if (broken) return Promise.reject(new Error('disk full'));
        return outbox.end(...args);
      },
    };
    const { ids, carrier } = kept();
    const { troubles } = delivering(t, flaky, { email: carrier });
    const one = message(clock);
    await outbox.post([one]);
    await until(() => troubles.length > 0);
    t.match(troubles, [{ id: one.id, trouble: 'outcome not recorded', final: false }]);
    broken = false;
    clock.advance(lease);
    await until(async () => (await rowsOf(store))[0]?.status === 'sent');
    t.same(ids, [one.id, one.id]);
  });

  await t.test('a lost mail server delays, says so, and loses nothing', async (t) => {
    const server = await startMailServer(t);
    const { store, clock, outbox } = await fresh();
    await server.stop();
    const delivery = delivering(t, outbox, { email: through(server.port) });
    const posted = Array.from({ length: 5 }, () => message(clock));
    await outbox.post(posted);
    delivery.wake();
    await until(async () => (await rowsOf(store)).every(({ trouble }) => trouble !== null));
    t.same(await delivery.status(), { waiting: 5, delayed: true, trouble: 'SMTP ESOCKET ECONNREFUSED' });
    t.match(delivery.troubles, [{ trouble: 'SMTP ESOCKET ECONNREFUSED', final: false }], 'one line for one reason');
    await server.start();
    clock.advance(2_000);
    await until(async () => (await delivery.status()).waiting === 0);
    t.equal(server.mails.length, 5);
    t.same(await delivery.status(), { waiting: 0, delayed: false });
  });

  await t.test('4xx waits, 5xx of the recipient ends, and neither address nor answer is logged', async (t) => {
    const server = await startMailServer(t);
    const { store, clock, outbox } = await fresh();
    const delivery = delivering(t, outbox, { email: through(server.port) });
    const [one, two] = [message(clock), message(clock, { to: 'nobody@example.vn' })];
    server.behave = { recipient: { responseCode: 451, message: 'lan@example.vn greylisted' } };
    await outbox.post([one]);
    await until(async () => (await delivery.status()).delayed);
    t.match(await rowsOf(store), [{ status: 'waiting', trouble: 'SMTP 451' }]);
    server.behave = {};
    clock.advance(2_000);
    await until(async () => (await rowsOf(store))[0]?.status === 'sent');

    server.behave = { recipient: { responseCode: 550, message: 'nobody@example.vn unknown' } };
    await outbox.post([two]);
    await until(async () => (await rowsOf(store)).some(({ status }) => status === 'failed'));
    const row = (await rowsOf(store)).find(({ id }) => id === two.id);
    t.match(row, { sealed: null, trouble: 'SMTP 550' });
    t.match(delivery.troubles, [
      { id: one.id, trouble: 'SMTP 451', final: false },
      { id: two.id, trouble: 'SMTP 550', final: true },
    ]);
    t.notMatch(JSON.stringify(delivery.troubles), /example\.vn|unknown|greylisted/);
    t.equal(server.mails.length, 1);
  });

  await t.test('a server that drops after DATA gets it again under the same Message-ID', async (t) => {
    const server = await startMailServer(t);
    const { store, clock, outbox } = await fresh();
    const delivery = delivering(t, outbox, { email: through(server.port) });
    server.behave = { data: 'drop' };
    await outbox.post([message(clock)]);
    await until(async () => (await delivery.status()).delayed);
    t.equal(server.mails.length, 1, 'one try at a time, whatever the library would like');
    server.behave = {};
    clock.advance(2_000);
    await until(async () => (await rowsOf(store))[0]?.status === 'sent');
    const [first, second] = server.mails.map(({ parsed }) => parsed.messageId);
    t.equal(first, second);
  });

  await t.test('a mail server that hangs holds up no SMS, and no stop', async (t) => {
    const { port, sockets } = await silent(t);
    const { store, clock, outbox } = await fresh();
    const phone = kept();
    const delivery = delivering(t, outbox, { email: through(port), sms: phone.carrier });
    await outbox.post([...Array.from({ length: 10 }, () => message(clock)), sms(clock)]);
    delivery.wake();
    await until(() => sockets.length > 0 && phone.ids.length === 1);
    await delivery.stop();
    const rows = (await rowsOf(store)).filter(({ channel }) => channel === 'email');
    t.ok(rows.every(({ status }) => status === 'waiting'));
    t.equal((await outbox.due('email', 20)).length, 10, 'what was not finished is due at once in the next life');
  });

  await t.test('a channel without a way out keeps its messages, says so, and ends them when they expire', async (t) => {
    const { store, clock, outbox } = await fresh();
    const mail = kept();
    const delivery = delivering(t, outbox, { email: mail.carrier });
    const one = sms(clock);
    await outbox.post([one, message(clock)]);
    await until(() => mail.ids.length === 1);
    await until(async () => (await delivery.status()).waiting === 1);
    t.same(await delivery.status(), { waiting: 1, delayed: true, trouble: 'no way out for sms is configured' });
    t.equal((await rowsOf(store)).find(({ id }) => id === one.id)?.attempts, 0);
    clock.advance(14 * day);
    await until(() => delivery.troubles.length > 0);
    t.same(delivery.troubles, [{ id: one.id, trouble: 'expired', final: true }]);
    t.same(await delivery.status(), { waiting: 0, delayed: false });
  });

  await t.test('a store that is away ends no delivery', async (t) => {
    const { store, clock } = await fresh();
    let away = true;
    const { outbox } = outboxOn(store, clock);
    const due: typeof outbox.due = (...args) => (away ? Promise.reject(new Error('away')) : outbox.due(...args));
    const { ids, carrier } = kept();
    const { troubles } = delivering(t, { ...outbox, due }, { email: carrier });
    await outbox.post([message(clock)]);
    await until(() => troubles.length > 0);
    away = false;
    await until(() => ids.length === 1);
    t.match(troubles, [{ final: false, error: { message: 'away' } }]);
  });

  await t.test('of what is sealed under another key the operator is told, and it waits', async (t) => {
    const { store, clock, outbox } = await fresh();
    const one = message(clock);
    await outboxOn(store, clock, Buffer.from('another')).outbox.post([one]);
    const { ids, carrier } = kept();
    const delivery = delivering(t, outbox, { email: carrier });
    await until(async () => (await delivery.status()).delayed);
    t.match(delivery.troubles, [{ id: one.id, trouble: 'does not open or render', error: { kind: 'integrity' } }]);
    t.same(ids, []);
    t.match(await rowsOf(store), [{ status: 'waiting' }]);
    await outbox.post([message(clock)]);
    await until(() => ids.length === 1);
    t.pass('and the others go out');
  });

  await t.test('a permanent failure of one is no trouble of the next', async (t) => {
    const { clock, outbox } = await fresh();
    const [bad, good] = [message(clock), message(clock)];
    const carrier: Carrier = {
      close() {},
      async deliver({ id }) {
        if (id === bad.id) throw new DeliveryFailure('SMTP 550', true);
        return {};
      },
    };
    const delivery = delivering(t, outbox, { email: carrier });
    await outbox.post([bad, good]);
    await until(async () => (await delivery.status()).waiting === 0);
    t.same(await delivery.status(), { waiting: 0, delayed: false });
  });
});

/** A server that takes connections and never says a word. */
async function silent(t: Test): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}
