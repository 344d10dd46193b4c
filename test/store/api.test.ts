import { randomBytes } from 'node:crypto';
import t from 'tap';
import { changeClient, clientWorks, directClient, listClients, seedClients } from '../../src/store/api/clients.ts';
import {
  insertAccessToken,
  insertGrant,
  liveAccess,
  liveGrant,
  moveGrantEnd,
  purgeGrants,
  revokeAccessToken,
  revokeGrant,
  revokeGrantsOf,
} from '../../src/store/api/grants.ts';
import { findLogin, holdLogin, loginOf, putLogin } from '../../src/store/api/logins.ts';
import { insertRefreshToken, spendRefreshToken } from '../../src/store/api/refresh-tokens.ts';
import { settingOr } from '../../src/store/api/settings.ts';
import { apiDomain } from '../../src/store/api/tables.ts';
import { clearTries, countTry, purgeThrottles, standingLock, takeBackTry } from '../../src/store/api/throttles.ts';
import { onBothEngines, type Stores } from '../helpers/stores.ts';

const now = 1_800_000_000_000;
const minute = 60_000;
const record = () => ({ kdf: 'argon2id m=8 t=1 p=1', salt: randomBytes(16), hash: randomBytes(32) });

async function open(stores: Stores) {
  const store = await stores.open(apiDomain);
  await store.write((tx) => seedClients(tx, now));
  return store;
}

t.test('S42: counts are taken before the look, and locks grow', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const store = await open(stores);
    const throttle = { id: 'x', policy: { limit: 5, minutes: [1, 5, 15, 60] } };
    const attempt = (at: number) => store.write((tx) => countTry(tx, throttle, at));
    const parallel = await Promise.all(Array.from({ length: 200 }, () => attempt(now)));
    t.equal(parallel.filter(Boolean).length, 5, 'of 200 parallel tries five are looked at');

    let at = now;
    for (const minutes of [1, 5, 15, 60, 60, 60]) {
      t.notOk(await attempt(at + minutes * minute - 1), `locked for ${minutes} minutes`);
      at += minutes * minute;
      t.ok(await attempt(at), 'then one more, which locks again');
    }

    await store.write((tx) => clearTries(tx, 'x'));
    for (let n = 0; n < 5; n += 1) t.ok(await attempt(at), 'a right one starts the count again');
    t.notOk(await attempt(at));

    const other = { ...throttle, id: 'y' };
    for (let n = 0; n < 5; n += 1) await store.write((tx) => countTry(tx, other, at));
    const lock = (ids: string[], when = at) => store.write((tx) => standingLock(tx, ids, when));
    t.same([await lock(['z', 'y']), await lock(['z']), await lock(['y'], at + minute)], ['y', undefined, undefined]);
    await store.write((tx) => takeBackTry(tx, other));
    t.ok(await store.write((tx) => countTry(tx, other, at)), 'taking one back lifts the lock that it alone had set');
    await store.write((tx) => takeBackTry(tx, { ...other, id: 'unknown' }));

    await store.write((tx) => purgeThrottles(tx, at + 24 * 60 * minute + 1));
    t.equal((await store.read.db.select().from(store.read.t.throttles)).length, 0);
  });
});

t.test('S43: a source is forgiven in time, and not while it is locked', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const store = await open(stores);
    const throttle = { id: 'x', policy: { limit: 3, minutes: [1, 5, 15], forgetMinutes: 2 } };
    const attempt = (at: number) => store.write((tx) => countTry(tx, throttle, now + at * minute));
    const failures = async () => (await store.read.db.select().from(store.read.t.throttles))[0]?.failures;
    t.same([await attempt(0), await attempt(0)], [true, true]);
    for (let at = 3; at < 30; at += 3) t.ok(await attempt(at), 'one every three minutes never locks');
    t.equal(await failures(), 1, 'since one is forgotten every two; the minutes left over count, too');
    for (const [at, count] of [
      [100, 1],
      [101, 2],
      [102.5, 2],
      [102.5, 3],
    ] as const) {
      await attempt(at);
      t.equal(await failures(), count, `after ${at} minutes`);
    }
    t.notOk(await attempt(103.4));
    t.ok(await attempt(103.5), 'the fourth, after a minute');
    t.notOk(await attempt(108.4));
    t.ok(await attempt(108.5), 'the fifth, after five, of which none counts');
    t.notOk(await attempt(123.4), 'locked for fifteen');
    t.equal(await failures(), 5);
    t.ok(await attempt(124));
    t.equal(await failures(), 6);
  });
});

t.test('logins', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const store = await open(stores);
    const lan = { userId: 'lan', subscriber: 's-lan', ...record() };
    t.ok(await store.write((tx) => putLogin(tx, lan, now)));
    t.equal(await findLogin(store.read, 'nobody'), undefined, 'an unknown user has no login');
    const before = (await findLogin(store.read, 'lan'))!;
    t.ok(await store.write((tx) => holdLogin(tx, before)));
    const changed = { ...lan, ...record() };
    t.ok(await store.write((tx) => putLogin(tx, changed, now + 5)), 'a new password of the same subscriber');
    t.notOk(await store.write((tx) => holdLogin(tx, before)), 'whoever checked the old one comes too late');
    const after = await findLogin(store.read, 'lan');
    t.same([after?.hash, after?.createdAt, after?.changedAt], [changed.hash, now, now + 5]);
    const stranger = { ...record(), userId: 'lan', subscriber: 's-other' };
    t.notOk(await store.write((tx) => putLogin(tx, stranger, now)), 'never under the user ID of somebody else');
    t.same((await loginOf(store.read, 's-lan'))?.hash, changed.hash);
  });
});

t.test('grants, tokens and clients', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const store = await open(stores);
    const hour = 3_600_000;
    const grant = (id: string, createdAt: number) => {
      const common = { subscriber: 's-lan', client: directClient, scope: 'csc' };
      return store.write((tx) => insertGrant(tx, { id, ...common, createdAt, expiresAt: createdAt + hour }));
    };
    const live = async (id: string, at = now) => (await liveGrant(store.read, id, at))?.grant.subscriber;
    const access = async (id: string, at = now) => (await liveAccess(store.read, id, at))?.id;
    await grant('g1', now);
    await grant('g2', now);
    for (const [id, of, expiresAt] of [
      ['a1', 'g1', now + hour],
      ['a2', 'g2', now + 10],
      ['a3', 'g2', now + hour],
    ] as const) {
      await store.write((tx) => insertAccessToken(tx, { id, grant: of, expiresAt }));
    }
    t.equal(await live('g1'), 's-lan');
    t.equal(await live('g1', now + hour), undefined, 'a grant ends');
    t.equal(await live('unknown'), undefined);
    t.same([await access('a2'), await access('a2', now + 10), await access('a0')], ['g2', undefined, undefined]);

    await store.write((tx) => revokeAccessToken(tx, 'a2', now));
    t.same([await access('a2'), await access('a3')], [undefined, 'g2'], 'S35: a revoked token goes alone');
    t.ok(await store.write((tx) => revokeGrant(tx, 'g1', now)));
    t.notOk(await store.write((tx) => revokeGrant(tx, 'g1', now)), 'only once');
    t.same(
      [await live('g1'), await access('a1')],
      [undefined, undefined],
      'S40: a revoked grant takes its tokens along',
    );
    t.ok(await live('g2'), 'and only those');

    await store.write((tx) => changeClient(tx, directClient, { suspended: true }));
    t.notOk(await clientWorks(store.read, directClient));
    t.same([await live('g2'), await access('a3')], [undefined, undefined], 'a suspended client has nothing live');
    await store.write((tx) => seedClients(tx, now));
    t.notOk(await clientWorks(store.read, directClient), 'a restart does not lift a suspension');
    await store.write((tx) => changeClient(tx, directClient, { suspended: false, switches: '{"openSlots":true}' }));
    t.ok(await live('g2'));
    t.match(await listClients(store.read), [{ id: 'account' }, { id: 'direct', switches: '{"openSlots":true}' }]);
    t.equal(await store.write((tx) => changeClient(tx, 'unknown', { suspended: true })), undefined);
    t.notOk(await clientWorks(store.read, 'unknown'));

    t.equal((await store.write((tx) => moveGrantEnd(tx, 'g2', now + 2 * hour)))?.expiresAt, now + 2 * hour);
    t.ok(await live('g2', now + hour), 'a grant that is used lives on');
    await store.write((tx) => revokeGrantsOf(tx, 's-other', now));
    t.ok(await live('g2'));
    await store.write((tx) => revokeGrantsOf(tx, 's-lan', now + 1));
    t.notOk(await live('g2'), 'all that somebody granted ends at once');
    t.equal(await store.write((tx) => moveGrantEnd(tx, 'g2', now + hour)), undefined, 'and is prolonged no more');
    const ended = await store.read.db.select().from(store.read.t.grants);
    t.same(ended.map(({ revokedAt }) => revokedAt).sort(), [now, now + 1], 'what was revoked before stays as it was');

    await grant('g3', now + 48 * hour);
    await store.write((tx) => purgeGrants(tx, now + 48 * hour));
    const left = await store.read.db.select().from(store.read.t.grants);
    t.same(
      left.map((row) => row.id),
      ['g3'],
      'what ended more than a day ago is gone',
    );
    t.equal((await store.read.db.select().from(store.read.t.accessTokens)).length, 0);
  });
});

t.test('S36: a refresh token is spent once, however many try at once', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const store = await open(stores);
    const token = { id: 'r1', grant: 'g1', createdAt: now, expiresAt: now + minute };
    await store.write((tx) => insertRefreshToken(tx, token));
    const spent = await Promise.all(
      Array.from({ length: 100 }, () => store.write((tx) => spendRefreshToken(tx, 'r1', now))),
    );
    t.equal(spent.filter(Boolean).length, 1);
    await store.write((tx) => insertRefreshToken(tx, { ...token, id: 'r2' }));
    t.equal(await store.write((tx) => spendRefreshToken(tx, 'r2', now + minute)), undefined, 'and not after its end');
  });
});

t.test('a setting is made once, whoever comes first', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const store = await open(stores);
    const offers = Array.from({ length: 20 }, (_, n) => `key-${n}`);
    const values = await Promise.all(offers.map((offer) => store.write((tx) => settingOr(tx, 'key', offer))));
    t.equal(new Set(values).size, 1);
    t.ok(offers.includes(values[0]!));
  });
});
