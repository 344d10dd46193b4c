import t from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { mayTry, sourceOf, sourceThrottle, type Try, tryWasRight } from '../../src/http/throttle.ts';
import { apiDomain } from '../../src/store/api/tables.ts';
import { refused } from '../helpers/refused.ts';
import { onBothEngines } from '../helpers/stores.ts';
import { clockAt, startOfTests } from './helpers.ts';

const minutes = 60_000;

t.test('a source is an IPv4 address, or the /64 of an IPv6 one', async (t) => {
  for (const [ip, source] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2/64'],
    ['2001:DB8:0001:0002::', '2001:db8:1:2/64'],
    ['2001:db8:1:2:ffff::', '2001:db8:1:2/64'],
    ['2001:db8::9', '2001:db8:0:0/64'],
    ['2001:db8:1::2:3:4:5', '2001:db8:1:0/64'],
    ['::1', '0:0:0:0/64'],
    ['fe80::1%eth0', 'fe80:0:0:0/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0/64'],
    ['unknown', 'unknown'],
  ] as const) {
    t.equal(sourceOf(ip), source, ip);
  }
});

t.test('S42, S43: who tries what', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const store = await stores.open(apiDomain);
    const attempt = (account: string, source: string, at = startOfTests) =>
      store.write((tx) => mayTry(tx, { account, source }, at));
    const right = (one: Try) => store.write((tx) => tryWasRight(tx, one));
    const rows = async () => store.read.db.select().from(store.read.t.throttles);

    const parallel = await Promise.all(Array.from({ length: 200 }, () => attempt('lan', 'stranger')));
    t.equal(parallel.filter(Boolean).length, 5, 'of 200 at once five are looked at');
    t.ok(await attempt('lan', 'home'), 'which locks nobody else out');
    t.notMatch(JSON.stringify(await rows()), /lan|stranger|home/, 'and nobody reads from the store who it was');

    // A lock of the account, made by many sources, must not become one of the owner's own source.
    for (let n = 0; n < 94; n += 1) await attempt('lan', `bot-${n}`);
    for (let n = 0; n < 20; n += 1)
      t.notOk(await attempt('lan', 'home', startOfTests + minutes - 1), 'the account is locked');
    t.ok(await attempt('lan', 'home', startOfTests + minutes), 'and the owner is there again when it opens');
    await right({ account: 'lan', source: 'home' });
    t.ok(await attempt('lan', 'office', startOfTests + minutes), 'a right try starts the count of the account again');

    for (let n = 0; n < 50; n += 1) t.ok(await attempt(`user-${n}`, 'sprayer'));
    t.notOk(await attempt('user-51', 'sprayer'), 'a source that tries everybody');
    t.ok(await attempt('user-51', 'elsewhere'));
    await right({ account: 'user-1', source: 'sprayer' });
    const later = startOfTests + minutes;
    t.ok(await attempt('user-52', 'sprayer', later));
    t.notOk(await attempt('user-53', 'sprayer', later), 'a right try of its own takes back itself and nothing else');
  });
});

t.test('tries without an account are counted by source', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const clock = clockAt(startOfTests);
    const store = await stores.open(apiDomain);
    const activations = sourceThrottle({ store, clock }, 'activation', 'activationInvalid');
    const others = sourceThrottle({ store, clock }, 'other', 'activationInvalid');
    let made = 0;
    const attempt = (kind?: 'activationInvalid' | 'pinRefused', source = 'a', by = activations) =>
      by(source, async () => {
        made += 1;
        if (kind) throw new KysoError(kind);
        return 'done';
      });

    for (let n = 0; n < 60; n += 1) t.equal(await attempt(), 'done');
    for (let n = 0; n < 60; n += 1) await t.rejects(attempt('pinRefused'), refused('pinRefused'));
    made = 0;
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, () => attempt('activationInvalid')));
    t.equal(made, 50, 'of 200 wrong ones at once fifty are made; right ones and other refusals do not count');
    t.match(outcomes.filter(({ status }) => status === 'rejected').length, 200);
    await t.rejects(attempt(), refused('tooManyRequests'), 'then the source is locked');
    t.equal(await attempt(undefined, 'b'), 'done', 'no other one');
    t.equal(await attempt(undefined, 'a', others), 'done', 'and for nothing else');
    clock.set(startOfTests + minutes);
    t.equal(await attempt(), 'done');
  });
});
