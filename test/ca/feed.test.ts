import type { Test } from 'tap';
import t from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import type { Authority } from '../../src/ca/context.ts';
import { type Feed, startFeed } from '../../src/ca/feed.ts';
import { signedOrder } from '../../src/ca/orders.ts';
import { orderHash } from '../../src/ipc/feed.ts';
import {
  caToken,
  type FakeSigner,
  fakeSigner,
  line,
  newAuthority,
  ordered,
} from '../helpers/certification-authority.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { until } from '../helpers/until.ts';

const token = await caToken(t);

/** A feed to `signer` that ends with the test, and what it complained of. */
function feedTo(t: Test, signer: FakeSigner, authority: Authority): { feed: Feed; troubles: unknown[] } {
  const troubles: unknown[] = [];
  const feed = startFeed({ authority, signer: signer.peer, onError: (error) => troubles.push(error) });
  t.teardown(() => feed.close());
  return { feed, troubles };
}

const statusOf = async ({ rows, store }: Authority, { lineHash }: { lineHash: string }) =>
  (await rows.lines.find(store.read, { lineHash }))?.status;

await rulesOnBothEngines(t, {
  'orders arrive in the order of their numbers, and heartbeats carry the number of the newest': async (t, stores) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    const { feed, troubles } = feedTo(t, signer, authority);
    await until(() => signer.heartbeats.length > 0);
    t.match(signer.heartbeats[0], { number: 0 }, 'nothing ordered yet');

    const lines = [1, 2, 3].map((serial) => ({ ...line, serial }));
    const credentials = await Promise.all(lines.map((each) => ordered(authority, each)));
    feed.wake();
    await feed.delivered(4);
    t.strictSame(
      signer.orders.map(({ kind }) => kind),
      ['subscriber', 'makeKey', 'makeKey', 'makeKey'],
    );
    for (const one of credentials) t.equal(await statusOf(authority, one), 'attested', 'delivered means recorded');
    await until(() => signer.heartbeats.at(-1)?.number === 4);
    const beats = signer.heartbeats.map(({ beat }) => beat);
    t.ok(
      beats.every((beat, index) => index === 0 || beat > (beats[index - 1] ?? 0)),
      'each beat is a higher one',
    );
    t.strictSame(troubles, []);
  },

  'orders wait for a signer that is away, and come from its own position': async (t, stores) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    signer.online = false;
    const { feed, troubles } = feedTo(t, signer, authority);
    const credential = await ordered(authority, line);
    feed.wake();
    const delivered = feed.delivered(credential.keyOrder);
    t.equal(await statusOf(authority, credential), 'ordered');
    signer.online = true;
    await delivered;
    t.equal(signer.orders.length, 2);

    const [first, second] = await Promise.all([signedOrder(authority, 1), signedOrder(authority, 2)]);
    signer.orders.length = 0;
    signer.head = '';
    signer.heartbeats.length = 0;
    await until(() => signer.orders.length === 2);
    t.strictSame(
      await Promise.all([signedOrder(authority, 1), signedOrder(authority, 2)]),
      [first, second],
      'a signer that was restored gets the same bytes and signatures again',
    );
    t.strictSame(troubles, [], 'none of this is a trouble');
  },

  'an answer that a lost connection or a kill of ca swallowed is asked for again': async (t, stores) => {
    const signer = fakeSigner();
    const { authority, open } = await newAuthority(stores, token, signer);
    const credential = await ordered(authority, line);
    signer.answer = (attestation) => {
      if (!attestation) return undefined;
      signer.online = false;
      throw new KysoError('unavailable', 'the connection was lost');
    };
    const { feed } = feedTo(t, signer, authority);
    await until(() => !signer.online);
    await feed.close();
    t.equal(signer.orders.length, 2, 'signer made the key');
    t.equal(await statusOf(authority, credential), 'ordered', 'ca does not know it');

    signer.online = true;
    signer.answer = (attestation) => attestation;
    const restarted = await open();
    await feedTo(t, signer, restarted).feed.delivered(credential.keyOrder);
    t.equal(await statusOf(restarted, credential), 'attested');
    t.equal(signer.orders.length, 2, 'and no second key was made');
  },

  'a forged attestation ends its credential, not the feed': async (t, stores) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    const bad = await ordered(authority, line);
    const good = await ordered(authority, { ...line, serial: 2 });
    signer.answer = (attestation) =>
      attestation?.statement.includes(bad.id) ? { ...attestation, signature: 'AAAA' } : attestation;
    const { feed } = feedTo(t, signer, authority);
    await feed.delivered(good.keyOrder);
    t.equal(await statusOf(authority, bad), 'refused');
    t.equal(await statusOf(authority, good), 'attested');
  },

  'S63: a ca whose store was set back behind its signer sends no heartbeat': async (t, stores) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    signer.orders.push({ kind: 'block', credentialID: 'x', blocked: true, reason: 'of a lost life' });
    const { feed, troubles } = feedTo(t, signer, authority);
    await until(() => troubles.length > 0);
    t.match(troubles, [refused('integrity')]);
    const { keyOrder } = await ordered(authority, line);
    t.ok(keyOrder > signer.orders.length, 'the numbers would fit again');
    feed.wake();
    const positions = signer.positions;
    await until(() => signer.positions > positions + 1);
    t.equal(signer.orders.length, 1, 'but no order is sent');
    t.strictSame(signer.heartbeats, []);
  },

  'S69: a ca whose store was set back, and that has other orders under the same numbers, sends nothing': async (
    t,
    stores,
  ) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    await ordered(authority, line);
    signer.orders.push({ kind: 'block', credentialID: 'x', blocked: true, reason: 'of a lost life' });
    signer.head = orderHash('of a lost life');
    const { feed, troubles } = feedTo(t, signer, authority);
    await until(() => troubles.length > 0);
    t.match(troubles, [refused('integrity')]);
    feed.wake();
    const positions = signer.positions;
    await until(() => signer.positions > positions + 1);
    t.equal(signer.orders.length, 1, 'no order is sent');
    t.strictSame(signer.heartbeats, []);
  },

  'each order names the one before it, and each heartbeat the newest': async (t, stores) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    const { keyOrder } = await ordered(authority, line);
    await feedTo(t, signer, authority).feed.delivered(keyOrder);
    const texts = await Promise.all([1, 2].map(async (number) => (await signedOrder(authority, number)).payload));
    const previous = texts.map((text) => JSON.parse(text).previous);
    t.strictSame(previous, ['', orderHash(texts[0]!)]);
    await until(() => signer.heartbeats.at(-1)?.number === 2);
    t.equal(signer.heartbeats.at(-1)?.head, orderHash(texts[1]!));
  },

  'an order has one signature, also when it is asked for in parallel before it has any': async (t, stores) => {
    const { authority } = await newAuthority(stores, token, fakeSigner());
    await ordered(authority, line);
    const [first, ...others] = await Promise.all([1, 1, 1, 1].map((number) => signedOrder(authority, number)));
    for (const other of others) t.strictSame(other, first);
    await t.rejects(signedOrder(authority, 3), refused('integrity'), 'and there is none beyond the newest');
  },

  'who waits for a delivery learns that the feed was closed': async (t, stores) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    signer.online = false;
    const { feed } = feedTo(t, signer, authority);
    const waiting = feed.delivered(1);
    await feed.close();
    await t.rejects(waiting, refused('unavailable'));
    await t.rejects(feed.delivered(1), refused('unavailable'));
  },

  'a connection that breaks while the feed is being closed ends nobody': async (t, stores) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    const reading = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    // The read before a heartbeat ends when the feed is closed already, and then signer is gone.
    const feedKey: Authority['feedKey'] = {
      ...authority.feedKey,
      async sign(data) {
        reading.resolve();
        await closed.promise;
        signer.online = false;
        return authority.feedKey.sign(data);
      },
    };
    const feed = startFeed({ authority: { ...authority, feedKey }, signer: signer.peer, onError: () => {} });
    await reading.promise;
    const closing = feed.close();
    closed.resolve();
    await t.resolves(closing);
  },
});
