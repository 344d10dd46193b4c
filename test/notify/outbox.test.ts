import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Claim, lease, type Outbox } from '../../src/notify/outbox.ts';
import { type NotifyStore, notifyDomain } from '../../src/store/notify/tables.ts';
import { openStore } from '../../src/store/open-store.ts';
import { day, message, outboxOn, sms } from '../helpers/outbox.ts';
import { refused } from '../helpers/refused.ts';
import { onBothEngines } from '../helpers/stores.ts';

const rowsOf = (store: NotifyStore) => store.read.db.select().from(store.read.t.messages);

async function take(outbox: Outbox, id: string): Promise<Claim> {
  const claim = await outbox.claim(id);
  if (!claim) throw new Error('somebody else has it');
  return claim;
}

await onBothEngines(t, async (t, stores) => {
  await t.test(
    'S87: a message that comes again changes nothing, not even when it comes twenty times at once',
    async (t) => {
      const { store, clock, outbox } = outboxOn(await stores.open(notifyDomain));
      const one = message(clock);
      const again = { ...one, values: { ...one.values, code: '654321' } };
      await outbox.post([one, again]);
      await Promise.all(Array.from({ length: 20 }, () => outbox.post([again, message(clock)])));
      t.equal((await rowsOf(store)).length, 21);
      const claim = await take(outbox, one.id);
      t.same(outbox.read(claim), one, 'what came first counts');

      await outbox.end(claim, 'sent', { receipt: 'r-1' });
      await outbox.post([one]);
      const [row] = (await rowsOf(store)).filter(({ id }) => id === one.id);
      t.match(row, { status: 'sent', sealed: null, receipt: 'r-1' }, 'nor after its delivery');
      clock.advance(30 * day);
      await outbox.expire();
      t.equal((await rowsOf(store)).filter(({ id }) => id === one.id).length, 1, 'for 30 days');
      clock.advance(1);
      await outbox.expire();
      t.equal((await rowsOf(store)).filter(({ id }) => id === one.id).length, 0);
    },
  );

  await t.test('S29, S87: what cannot be delivered is refused before anything is durable', async (t) => {
    const { store, clock, outbox } = outboxOn(await stores.open(notifyDomain));
    const wrong = [
      ...['', 'lan', 'lan@', '@example.vn', 'lan@example', 'a@b.vn,c@d.vn', 'a@b.vn\r\nBcc: c@d.vn', 'a b@c.vn'],
      ...[
        'Lan <lan@example.vn>',
        'a@b.vn>',
        'a@b@c.vn',
        '"a b"@c.vn',
        'a@b.vn\0',
        '\u202Elan@example.vn',
        'lan@exämple.vn',
      ],
      ...[
        '.a@b.vn',
        'a..b@c.vn',
        `${'a'.repeat(65)}@b.vn`,
        '(x)a@b.vn',
        'a;b@c.vn',
        'lan@[127.0.0.1]',
        'a@b.vn ',
        'a@-',
      ],
    ].map((to) => message(clock, { to }));
    const numbers = [
      '',
      '0900000001',
      '84900000001',
      '+0900000001',
      '+849',
      '+84 900000001',
      '+84900000001\n',
      '+84900000001234567',
    ];
    const incomplete = [
      message(clock, { values: { name: 'x', minutes: '5' } }),
      message(clock, { values: { name: 'x', code: '', minutes: '5' } }),
      message(clock, { values: { name: 'x', code: '\r\n', minutes: '5' } }),
      message(clock, { channel: 'sms', to: '+84900000001' }),
      sms(clock, { channel: 'email', to: 'lan@example.vn' }),
    ];
    for (const one of [...wrong, ...numbers.map((to) => sms(clock, { to })), ...incomplete]) {
      await t.rejects(
        outbox.post([message(clock), one]),
        refused('requestInvalid'),
        JSON.stringify([one.to, one.values]),
      );
    }
    t.same(await rowsOf(store), [], 'and not a part of what came with it is taken');
    const right = ['lan@example.vn', "o'brien+x@example.vn", 'a_b-c.d@so.songhong.gov.vn'].map((to) =>
      message(clock, { to }),
    );
    await outbox.post(right);
    t.equal((await rowsOf(store)).length, 3);
  });

  await t.test('of many who reach for a message one gets it, until its lease is over', async (t) => {
    const store = await stores.open(notifyDomain);
    const { clock, outbox } = outboxOn(store);
    const other = outboxOn(store, clock).outbox;
    const one = message(clock);
    await outbox.post([one]);
    const reach = async () => {
      const claims = await Promise.all(Array.from({ length: 30 }, (_, n) => (n % 2 ? outbox : other).claim(one.id)));
      return claims.filter((claim) => claim !== undefined);
    };
    const first = await reach();
    t.equal(first.length, 1);
    t.same(await outbox.due('email', 10), [], 'nobody else is told of it');
    clock.advance(lease - 1);
    t.equal((await reach()).length, 0);
    clock.advance(1);
    t.same(await outbox.due('email', 10), [one.id], 'its taker may be dead');
    t.equal((await reach()).length, 1);
    await outbox.postpone(first[0]!, 'late');
    t.same(await reach(), [], 'and a taker who comes back late does not give away what is not its own any more');
    t.match(await rowsOf(store), [{ attempts: 2, trouble: null }]);
  });

  await t.test('tries come at growing pauses until nobody wants the message', async (t) => {
    const { store, clock, outbox } = outboxOn(await stores.open(notifyDomain));
    const one = message(clock);
    await outbox.post([one]);
    const pauses: number[] = [];
    for (let n = 0; n < 8; n += 1) {
      await outbox.postpone(await take(outbox, one.id), 'SMTP 451');
      const [row] = await rowsOf(store);
      pauses.push(row!.nextAt - clock.now());
      clock.advance(row!.nextAt - clock.now());
    }
    const expected = [1, 5, 30, 120, 600, 600, 600, 600];
    for (const [n, seconds] of expected.entries()) {
      t.ok(pauses[n]! >= seconds * 800 && pauses[n]! <= seconds * 1200, `${n + 1}: ${pauses[n]} ms`);
    }
    t.not(new Set(pauses.slice(4)).size, 1, 'not all at once when a server is back');
    clock.advance(one.expiresAt - clock.now());
    t.same(await outbox.due('email', 10), [], 'an expired message is not delivered');
    t.equal(await outbox.claim(one.id), undefined);
    t.same(await outbox.expire(), [one.id]);
    t.same(await outbox.expire(), [], 'and reported once');
    t.match(await rowsOf(store), [{ status: 'expired', sealed: null, trouble: 'SMTP 451' }]);
  });

  await t.test('a code that lives for five minutes is tried more often than a notice', async (t) => {
    const { store, clock, outbox } = outboxOn(await stores.open(notifyDomain));
    const code = message(clock, { expiresAt: clock.now() + 300_000 });
    await outbox.post([code]);
    let tries = 0;
    for (let claim = await outbox.claim(code.id); claim; claim = await outbox.claim(code.id)) {
      tries += 1;
      await outbox.postpone(claim, 'SMTP ETIMEDOUT');
      const [row] = await rowsOf(store);
      clock.advance(row!.nextAt - clock.now());
    }
    t.ok(tries >= 9, `${tries} tries in five minutes`);
  });

  await t.test('S87: what another outbox-key sealed stays sealed, and is not lost', async (t) => {
    const store = await stores.open(notifyDomain);
    const { clock, outbox } = outboxOn(store);
    const [one, two] = [message(clock), message(clock)];
    await outbox.post([one, two]);
    const stranger = outboxOn(store, clock, randomBytes(24)).outbox;
    const claim = await take(stranger, one.id);
    t.throws(() => stranger.read(claim), refused('integrity'));
    await stranger.release(claim);
    const [own, swapped] = [await take(outbox, one.id), await take(outbox, two.id)];
    t.same(outbox.read(own), one);
    t.throws(() => outbox.read({ ...own, sealed: swapped.sealed }), refused('integrity'), 'nor opens in another row');
  });
});

t.test('S4, S87: the store never holds what a message says, and nothing of it after delivery', async (t) => {
  const directory = t.testdir();
  const store = await openStore(notifyDomain, { engine: 'sqlite', file: join(directory, 'store.db') });
  t.teardown(() => store.close());
  const { clock, outbox } = outboxOn(store);
  const onDisk = () => Buffer.concat(readdirSync(directory).map((name) => readFileSync(join(directory, name))));
  const half = '7G4K-M2QX-9TBE-MARK';
  const messages = Array.from({ length: 40 }, () => sms(clock, { values: { name: 'Lan', half } }));
  await outbox.post(messages);
  const sealed = (await rowsOf(store)).map((row) => row.sealed!);
  t.ok(
    sealed.every((bytes) => onDisk().includes(bytes)),
    'the sealed messages are on the disk: the search finds them',
  );
  for (const secret of [half, '+84900000001', 'activation']) t.notOk(onDisk().includes(secret), secret);

  for (const { id } of messages.slice(0, 39)) await outbox.end(await take(outbox, id), 'sent');
  clock.advance(14 * day);
  t.same(await outbox.expire(), [messages[39]!.id]);
  t.ok(
    sealed.some((bytes) => onDisk().includes(bytes)),
    'still in the write-ahead log',
  );
  await outbox.wipe();
  t.notOk(
    sealed.some((bytes) => onDisk().includes(bytes.subarray(0, 32))),
    'gone, also sealed',
  );
});
