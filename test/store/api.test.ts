import { randomBytes } from 'node:crypto';
import t from 'tap';
import { clientWorks, directClient, seedClients, suspendClient } from '../../src/store/api/clients.ts';
import { insertGrant, liveGrant, revokeGrant } from '../../src/store/api/grants.ts';
import { clearTries, countTry, putLogin, seedLogins } from '../../src/store/api/logins.ts';
import { settingOr } from '../../src/store/api/settings.ts';
import { apiDomain } from '../../src/store/api/tables.ts';
import { onBothEngines, type Stores } from '../helpers/stores.ts';

const policy = { limit: 10, lockMs: 900_000 };
const now = 1_800_000_000_000;
const record = () => ({ kdf: 'argon2id m=8 t=1 p=1', salt: randomBytes(16), hash: randomBytes(32) });

async function open(stores: Stores) {
  const store = await stores.open(apiDomain);
  await store.write(async (tx) => {
    await seedClients(tx, now);
    await seedLogins(tx);
  });
  const attempt = (userId: string, at: number) => store.write((tx) => countTry(tx, userId, at, policy));
  return { store, attempt };
}

t.test('logins', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const { store, attempt } = await open(stores);
    const lan = { userId: 'lan', subscriber: 's-lan', ...record() };
    t.ok(await store.write((tx) => putLogin(tx, lan, now)));

    const looked = await Promise.all(Array.from({ length: 100 }, () => attempt('lan', now)));
    t.equal(looked.filter(Boolean).length, 10, 'S42: of 100 parallel tries 10 are looked at');
    t.equal(await attempt('lan', now + policy.lockMs - 1), undefined, 'locked for the whole time');
    t.ok(await attempt('lan', now + policy.lockMs), 'then one more');
    t.equal(await attempt('lan', now + policy.lockMs + 1), undefined, 'which locks again while it is wrong');

    await store.write((tx) => clearTries(tx, 'lan'));
    for (let n = 0; n < 9; n += 1) await attempt('lan', now);
    await store.write((tx) => clearTries(tx, 'lan'));
    t.equal((await attempt('lan', now))?.failures, 1, 'a right password starts the count again');

    t.equal(await attempt('nobody', now), undefined, 'an unknown user has no login');
    const changed = { ...lan, ...record() };
    t.ok(await store.write((tx) => putLogin(tx, changed, now + 5)), 'a new password of the same subscriber');
    const after = await attempt('lan', now + 5);
    t.same([after?.hash, after?.failures, after?.createdAt, after?.changedAt], [changed.hash, 1, now, now + 5]);
    const stranger = { ...record(), userId: 'lan', subscriber: 's-other' };
    t.notOk(await store.write((tx) => putLogin(tx, stranger, now)), 'never under the user ID of somebody else');
    t.same((await attempt('lan', now + 6))?.hash, changed.hash);
  });
});

t.test('grants and clients', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const { store } = await open(stores);
    const grant = (id: string, createdAt: number) => ({
      id,
      subscriber: 's-lan',
      client: directClient,
      createdAt,
      expiresAt: createdAt + 3_600_000,
    });
    await store.write((tx) => insertGrant(tx, grant('g1', now)));
    await store.write((tx) => insertGrant(tx, grant('g2', now)));
    t.equal((await liveGrant(store.read, 'g1', now))?.subscriber, 's-lan');
    t.equal(await liveGrant(store.read, 'g1', now + 3_600_000), undefined, 'a grant ends');
    t.equal(await liveGrant(store.read, 'unknown', now), undefined);

    t.ok(await store.write((tx) => revokeGrant(tx, 'g1', now)));
    t.notOk(await store.write((tx) => revokeGrant(tx, 'g1', now)), 'only once');
    t.equal(await liveGrant(store.read, 'g1', now), undefined, 'S40: revoked at once');
    t.ok(await liveGrant(store.read, 'g2', now), 'and only this one');

    t.ok(await store.write((tx) => suspendClient(tx, directClient, true)));
    t.notOk(await clientWorks(store.read, directClient));
    t.equal(await liveGrant(store.read, 'g2', now), undefined, 'a suspended client has no live grant');
    await store.write((tx) => seedClients(tx, now));
    t.notOk(await clientWorks(store.read, directClient), 'a restart does not lift a suspension');
    await store.write((tx) => suspendClient(tx, directClient, false));
    t.ok(await liveGrant(store.read, 'g2', now));
    t.notOk(await store.write((tx) => suspendClient(tx, 'unknown', true)));
    t.notOk(await clientWorks(store.read, 'unknown'));

    await store.write((tx) => insertGrant(tx, grant('g3', now + 2 * 86_400_000)));
    const left = await store.read.db.select().from(store.read.t.grants);
    t.same(
      left.map((row) => row.id),
      ['g3'],
      'grants that ended more than a day ago are gone',
    );
  });
});

t.test('a setting is made once, whoever comes first', async (t) => {
  await onBothEngines(t, async (t, stores) => {
    const { store } = await open(stores);
    const offers = Array.from({ length: 20 }, (_, n) => `key-${n}`);
    const values = await Promise.all(offers.map((offer) => store.write((tx) => settingOr(tx, 'key', offer))));
    t.equal(new Set(values).size, 1);
    t.ok(offers.includes(values[0]!));
  });
});
