import { existsSync, readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { destroyEndedKeys } from '../../src/activation/end-key.ts';
import { upkeep } from '../../src/activation/upkeep.ts';
import { KysoError } from '../../src/base/errors.ts';
import { connectSqlite } from '../../src/store/open-sqlite.ts';
import { statusOrder } from '../helpers/further-key.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import {
  certificateChain,
  newSigner,
  randomHashes,
  readLeaves,
  signerToken,
  type TestPerson,
  type TestSigner,
} from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

const day = 24 * 3_600_000;

const keysOf = async ({ signer, store }: TestSigner, { credentialID }: TestPerson) =>
  signer.rows.keys.list(store.read, { credential: credentialID });

/** Everything that opens a key: its blob, its DEK, and the copies of that under SADs. */
async function sealedBytes(world: TestSigner, person: TestPerson): Promise<Buffer[]> {
  const { authorizations } = world.store.read.t;
  const keys = await keysOf(world, person);
  const rows = await world.store.read.db.select().from(authorizations);
  const copies = rows.filter((row) => keys.some(({ id }) => id === row.key)).map(({ sealedDek }) => sealedDek);
  return [...keys.flatMap(({ sealedBlob, sealedDek }) => [sealedBlob, sealedDek]), ...copies].filter((b) => b !== null);
}

/** What the files of a SQLite store hold; on PostgreSQL the rows, since old ones stay until its vacuum. */
async function atRest({ location, store }: TestSigner): Promise<Buffer> {
  if (location.engine === 'postgresql') {
    const { keys, authorizations } = store.read.t;
    const rows = [...(await store.read.db.select().from(keys)), ...(await store.read.db.select().from(authorizations))];
    return Buffer.concat(rows.flatMap((row) => Object.values(row)).filter((value) => Buffer.isBuffer(value)));
  }
  const files = ['', '-wal', '-shm'].map((end) => `${location.file}${end}`).filter(existsSync);
  return Buffer.concat(files.map((file) => readFileSync(file)));
}

/** What the log says of ends of keys; entries of one millisecond stand in any order. */
const events = async ({ store }: TestSigner) => {
  const all = (await readLeaves(store)).map(({ event }) => String(event));
  return all.filter((event) => /^key\.(ended|destroyed)/.test(event)).sort();
};

t.test('the end of a key', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson(), hashes: randomHashes(2) };
  };

  await rulesOnBothEngines(t, {
    'S13: after a revocation nothing that opens the key is in any file of the store': async (t, stores) => {
      const { world, person, hashes } = await setUp(t, stores);
      const other = await person.newCredential();
      for (let n = 0; n < 3; n += 1) await person.authorize(hashes);
      const othersSad = await other.authorize(hashes);
      const secrets = await sealedBytes(world, person);
      t.equal(secrets.length, 2 + 3);
      await world.store.truncateLog();
      const before = await atRest(world);
      t.ok(
        secrets.every((bytes) => before.includes(bytes)),
        'the scan sees what is there',
      );
      await world.obey(statusOrder(person, 'revoked'));
      t.same(await sealedBytes(world, person), [Buffer.alloc(0), Buffer.alloc(0)], 'overwritten by the order itself');
      await upkeep(world.signer);
      const after = await atRest(world);
      for (const bytes of secrets)
        t.notOk(after.includes(bytes.subarray(0, 16)) || after.includes(bytes.subarray(-16)));
      t.same(await events(world), ['key.destroyed', 'key.ended']);
      await upkeep(world.signer);
      t.equal((await events(world)).length, 2, 'told once');
      await world.push(world.ca.heartbeat());
      t.equal((await other.signHash(othersSad, hashes)).length, 2, 'another key of the same person is untouched');
      const [key] = await keysOf(world, person);
      t.match(key, { endsAt: null, spki: person.spki }, 'who it was of stays known');
    },

    'a revocation whose commit fails leaves the key whole': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const secrets = await sealedBytes(world, person);
      const order = world.ca.order(statusOrder(person, 'revoked'));
      world.store.failWrite(1, 'rolledBack');
      await t.rejects(world.push(order), refused('unavailable'));
      t.same(await sealedBytes(world, person), secrets);
      await world.push(order);
      t.same(
        (await sealedBytes(world, person)).map(({ length }) => length),
        [0, 0],
      );
    },

    'what a crash or a failure kept from being done is done later, once': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await world.obey(statusOrder(person, 'revoked'));
      const next = await world.again();
      const { truncateLog } = next.store;
      next.store.truncateLog = () => Promise.reject(new KysoError('unavailable', 'being read'));
      await t.rejects(destroyEndedKeys(next.signer), refused('unavailable'));
      t.same(await events(next), ['key.ended']);
      next.store.truncateLog = truncateLog;
      await Promise.all(Array.from({ length: 10 }, () => destroyEndedKeys(next.signer)));
      t.same(await events(next), ['key.destroyed', 'key.ended']);
    },

    'a write-ahead log that somebody reads is not taken for empty, and nobody waits for it': async (t, stores) => {
      if (stores.engine === 'postgresql') return void t.pass('it has none of its own');
      const { world, person } = await setUp(t, stores);
      if (world.location.engine !== 'sqlite') return;
      const reader = connectSqlite(world.location.file, { readonly: true });
      reader.exec('BEGIN');
      reader.prepare('SELECT count(*) FROM keys').get();
      await world.obey(statusOrder(person, 'revoked'));
      const begun = performance.now();
      await t.rejects(destroyEndedKeys(world.signer), refused('unavailable'));
      t.ok(performance.now() - begun < 3_000, 'a busy file would be waited for five seconds');
      t.same(await events(world), ['key.ended']);
      reader.exec('COMMIT');
      reader.close();
      await destroyEndedKeys(world.signer);
      t.same(await events(world), ['key.destroyed', 'key.ended']);
    },

    'a tampered authorization saves no copy of the DEK, and does not stop the order': async (t, stores) => {
      const { world, person, hashes } = await setUp(t, stores);
      await person.authorize(hashes);
      const { authorizations } = world.store.read.t;
      await world.store.write((tx) => tx.db.update(authorizations).set({ total: 99 }));
      await world.obey(statusOrder(person, 'revoked'));
      t.same(await world.store.read.db.select().from(authorizations), []);
    },

    'a day after its last certificate the key is destroyed, and not before': async (t, stores) => {
      const { world, hashes } = await setUp(t, stores);
      const notAfter = Math.ceil(world.clock.now() / 1000) * 1000 + 60_000;
      const person = await world.newPerson({ notAfter });
      const lasting = await person.newCredential();
      await world.advance(notAfter - world.clock.now() + day - 1);
      await upkeep(world.signer);
      t.same(await events(world), []);
      await t.rejects(person.authorize(hashes), refused('certificateExpired'), 'it signs nothing in this time');
      await world.advance(1);
      await upkeep(world.signer);
      await upkeep(world.signer);
      t.same(await events(world), ['key.destroyed', 'key.ended']);
      t.same(
        (await sealedBytes(world, person)).map(({ length }) => length),
        [0, 0],
      );
      t.ok(await lasting.authorize(hashes));
    },

    'a renewed certificate lets the key live on': async (t, stores) => {
      const { world, hashes } = await setUp(t, stores);
      const notAfter = Math.ceil(world.clock.now() / 1000) * 1000 + 600_000;
      const person = await world.newPerson({ notAfter });
      const chain = await certificateChain(person.spki, world.clock.now());
      await world.obey({ kind: 'certificate', credentialID: person.credentialID, chain });
      await world.advance(notAfter - world.clock.now() + 2 * day);
      await upkeep(world.signer);
      await upkeep(world.signer);
      t.same(await events(world), []);
      t.ok(await person.authorize(hashes));
    },

    'no key is destroyed by a clock that stepped, nor while the feed is silent': async (t, stores) => {
      const { world } = await setUp(t, stores);
      const notAfter = Math.ceil(world.clock.now() / 1000) * 1000 + 60_000;
      const person = await world.newPerson({ notAfter });
      world.clock.advance(3 * day);
      await upkeep(world.signer);
      await upkeep(world.signer);
      t.same(await events(world), [], 'ca was not heard: a renewal may be on its way');
      const late = await world.again({ clock: world.clock });
      late.clock.step(30 * day);
      await upkeep(late.signer);
      await upkeep(late.signer);
      t.same(await events(world), [], 'the clock stepped');
      t.notSame(
        (await sealedBytes(world, person)).map(({ length }) => length),
        [0, 0],
      );
    },

    'keys that ended keep no version of the KEK alive': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const left = async () => (await world.call('keys.rotation', {})).versions.find(({ key }) => key === 'kek')?.left;
      t.equal(await left(), 1);
      await world.obey(statusOrder(person, 'revoked'));
      t.equal(await left(), 0);
    },
  });
});
