import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { setFailpoints } from '../../src/base/failpoint.ts';
import { pkiUrlsAt } from '../../src/base/pki-urls.ts';
import type { Authority } from '../../src/ca/context.ts';
import { crlValidity, publishShard } from '../../src/ca/crl.ts';
import { crlInForce } from '../../src/ca/crl-in-force.ts';
import { startCrlPublisher } from '../../src/ca/crl-publisher.ts';
import { hold, release, revoke } from '../../src/ca/revoke.ts';
import { assignShard, shardSize } from '../../src/ca/shards.ts';
import { crlEntries, readCrl } from '../../src/pki/crl-reader.ts';
import type { CrlShard } from '../../src/store/ca/tables.ts';
import { openssl, pemFiles } from '../helpers/authority.ts';
import { certified, eventsOf, ordersOf } from '../helpers/ca-records.ts';
import { caToken, fakeSigner, newAuthority } from '../helpers/certification-authority.ts';
import { fakeClock } from '../helpers/fake-clock.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import type { Stores } from '../helpers/stores.ts';
import { until } from '../helpers/until.ts';

const token = await caToken(t);
const asked = { reason: 'retired', by: { level: 'officer', name: 'x' } } as const;

/** An authority under a clock of the test, with one certificate. */
async function world(stores: Stores) {
  const clock = fakeClock();
  const { authority, store } = await newAuthority(stores, token, fakeSigner(), clock);
  const first = await certified(authority);
  const shard = first.shard;
  const another = async () => (await certified(authority)).serialNumber;
  return { authority, store, clock, shard, serialNumber: first.serialNumber, notAfter: first.notAfter, another };
}

async function served(authority: Authority, shard: string) {
  const found = await crlInForce(authority, shard, 0);
  const crl = readCrl(found!.crl!);
  const serials = [...crlEntries(crl)].map(({ serialNumber }) => serialNumber);
  return { ...found!, crl, serials };
}

const rowOf = (authority: Authority, id: string) => authority.rows.crlShards.find(authority.store.read, { id });

/** Writes a shard's row as Kyso itself would. */
const setShard = ({ store, rows }: Authority, id: string, changes: Partial<CrlShard>) =>
  store.write(async (tx) => {
    await rows.crlShards.replace(tx, (await rows.crlShards.lock(tx, { id }))!, changes);
  });

/** The authority, whose keys ask `before` each signature. */
function signingAfter(authority: Authority, before: () => Promise<void> | void): Authority {
  const byId: Authority['pki']['byId'] = (id) => {
    const found = authority.pki.byId(id)!;
    const sign = async (data: Uint8Array) => {
      await before();
      return found.key.sign(data);
    };
    return { ...found, key: { ...found.key, sign } };
  };
  return { ...authority, pki: { ...authority.pki, byId } };
}

/** openssl's opinion of a CRL, by the certificate of its authority. */
function judged(t: Test, authority: Authority, shard: string, crl: Buffer): string {
  const directory = t.testdir();
  const issuer = authority.pki.byId(shard.slice(0, shard.indexOf('/')))!;
  const files = pemFiles(directory, { issuer: issuer.certificate });
  const file = join(directory, 'shard.crl');
  writeFileSync(file, crl);
  return openssl('crl', '-inform', 'DER', '-in', file, '-CAfile', files.issuer!, '-noout', '-text', '-nameopt', 'utf8');
}

await rulesOnBothEngines(t, {
  'S78: a CRL is there from the first certificate on, says its end and its address, and openssl takes it': async (
    t,
    stores,
  ) => {
    const { authority, store, clock, shard, serialNumber } = await world(stores);
    t.equal(await crlInForce(authority, shard, 0), undefined, 'none yet');
    t.ok(await publishShard(authority, shard));
    t.notOk(await publishShard(authority, shard), 'nothing to say');
    const empty = await served(authority, shard);
    t.match(empty, { number: clock.now(), thisUpdate: clock.now(), nextUpdate: clock.now() + crlValidity.issuing });
    t.equal(empty.crl.distributionPoint, `http://127.0.0.1:8700/pki/crl/${shard}.crl`);
    t.same(empty.serials, []);
    t.match(await crlInForce(authority, shard, empty.number), { number: empty.number, crl: undefined }, 'not twice');

    await revoke(authority, { ...asked, serialNumber });
    t.same((await served(authority, shard)).serials, [], 'the old one until the new one is made');
    t.ok(await publishShard(authority, shard));
    const after = await served(authority, shard);
    t.same(after.serials, [serialNumber]);
    t.ok(after.number > empty.number);
    t.same(await eventsOf(store, 'crl.'), ['crl.published done', 'crl.published done']);
    const { crl } = (await crlInForce(authority, shard, 0))!;
    const text = judged(t, authority, shard, crl!);
    t.match(text, /Serial Number: [0-9A-F]{32}[\s\S]*Affiliation Changed/);

    clock.advance(crlValidity.issuing / 2 - 1000);
    t.notOk(await publishShard(authority, shard), 'not before half of its time is over');
    clock.advance(2000);
    t.ok(await publishShard(authority, shard), 'and long before its end');
    t.same((await served(authority, shard)).serials, [serialNumber]);
  },

  'S78: a number is taken for good before the key is used, and never goes back': async (t, stores) => {
    const { authority, store, clock, shard, serialNumber, another } = await world(stores);
    const more = [await another(), await another()] as const;
    await publishShard(authority, shard);
    const first = await served(authority, shard);
    await revoke(authority, { ...asked, serialNumber });
    const broken = signingAfter(authority, () => Promise.reject(new Error('no token')));
    await t.rejects(publishShard(broken, shard), { message: 'no token' });
    const lost = (await rowOf(authority, shard))!.crlNumber;
    t.ok(lost > first.number, 'durable, though nothing was signed');
    t.equal((await served(authority, shard)).number, first.number, 'the old one is served');
    t.notOk(await publishShard(authority, shard), 'whoever took the number may still be at it');
    clock.advance(10_001);
    t.ok(await publishShard(authority, shard));
    const second = await served(authority, shard);
    t.ok(second.number > lost);

    clock.step(-3_600_000);
    await revoke(authority, { ...asked, serialNumber: more[0] });
    t.ok(await publishShard(authority, shard), 'a clock that was set back');
    const third = await served(authority, shard);
    t.equal(third.number, second.number + 1);
    t.equal(third.thisUpdate, clock.now(), 'thisUpdate is what the clock says: nobody takes a CRL of the future');

    clock.step(7_200_000);
    const { crlNumber, inForce } = (await rowOf(authority, shard))!;
    await setShard(authority, shard, { crlNumber: first.number, inForce: first.number });
    await store.write(async (tx) => {
      const row = await authority.rows.crls.lock(tx, { shard });
      await authority.rows.crls.replace(tx, row!, { number: first.number });
    });
    await revoke(authority, { ...asked, serialNumber: more[1] });
    await publishShard(authority, shard);
    const restored = await served(authority, shard);
    t.ok(restored.number > Math.max(crlNumber, inForce), 'a store that was set back goes on above what it had given');
    t.equal(restored.serials.length, 3);
  },

  'one publisher for a shard: N at once make one CRL': async (t, stores) => {
    const { authority, store, shard } = await world(stores);
    let signatures = 0;
    const counting = signingAfter(authority, () => {
      signatures += 1;
    });
    const made = await Promise.all(Array.from({ length: 8 }, () => publishShard(counting, shard)));
    t.equal(made.filter(Boolean).length, 1);
    t.equal(signatures, 1);
    t.equal((await eventsOf(store, 'crl.')).length, 1);
  },

  'whoever was taken for dead publishes nothing when it comes back': async (t, stores) => {
    const { authority, store, clock, shard, serialNumber } = await world(stores);
    const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = signingAfter(authority, () => {
      reached.resolve();
      return goOn.promise;
    });
    const late = publishShard(slow, shard);
    await reached.promise;
    await revoke(authority, { ...asked, serialNumber });
    t.notOk(await publishShard(authority, shard), 'it is at work');
    clock.advance(10_001);
    t.ok(await publishShard(authority, shard), 'it is taken for dead');
    goOn.resolve();
    t.notOk(await late);
    t.same((await served(authority, shard)).serials, [serialNumber], 'the newer one stays');
    t.equal((await eventsOf(store, 'crl.')).length, 1);
  },

  'S78: revocations while CRLs are made: each is in one of them, none twice': async (t, stores) => {
    const { authority, shard, another } = await world(stores);
    const serials: string[] = [];
    for (let n = 0; n < 8; n += 1) serials.push(await another());
    const onError = (error: unknown) => t.fail(String(error));
    const publishers = [startCrlPublisher({ authority, onError }), startCrlPublisher({ authority, onError })];
    await Promise.all(
      serials.map(async (serialNumber, index) => {
        const act = index % 3 === 0 ? hold : revoke;
        await act(authority, { ...asked, serialNumber });
        publishers[index % 2]!.wake();
        if (index === 0) await release(authority, { ...asked, serialNumber });
      }),
    );
    await until(async () => {
      const row = await rowOf(authority, shard);
      return row?.published === row?.revision;
    });
    await Promise.all(publishers.map((publisher) => publisher.stop()));
    t.same((await served(authority, shard)).serials.sort(), serials.slice(1).sort(), 'all but the released one');
    t.equal((await rowOf(authority, shard))!.entries, 7);
    t.match(publishers[0]!.status(), { ok: true, late: 0, shards: 3 });
  },

  'an entry that somebody took out or changed is missed, and the CRL in force stays': async (t, stores) => {
    const { authority, store, clock, shard, serialNumber, another } = await world(stores);
    const second = await another();
    await revoke(authority, { ...asked, serialNumber });
    await revoke(authority, { ...asked, serialNumber: second });
    await publishShard(authority, shard);
    const { number } = await served(authority, shard);
    const { crlEntries: table } = store.read.t;
    const [stolen] = (await store.read.db.select().from(table)).filter((row) => row.serialNumber === serialNumber);
    const spoil = (entry: Buffer) => store.write(async (tx) => void (await tx.db.update(table).set({ entry })));
    clock.advance(crlValidity.issuing / 2 + 1);
    await spoil(Buffer.from('other bytes'));
    await t.rejects(publishShard(authority, shard), refused('integrity'), 'changed');
    await store.write(async (tx) => void (await tx.db.delete(table)));
    clock.advance(10_001);
    await t.rejects(publishShard(authority, shard), { ...refused('integrity'), message: /0 entries instead of 2/ });
    t.equal((await served(authority, shard)).number, number);

    const heard: unknown[] = [];
    clock.advance(crlValidity.issuing / 4);
    const publisher = startCrlPublisher({ authority, onError: (error) => heard.push(error) });
    await until(() => heard.length > 0);
    t.match(publisher.status(), { ok: false, late: 1, endsAt: Number }, 'S85: its age is an alarm');
    await store.write(async (tx) => void (await tx.db.insert(table).values(stolen!)));
    await publisher.stop();
    t.equal(heard.length, 1, 'told once');
  },

  'RFC 5280 §3.3: an entry leaves after a CRL of after its certificate’s end had it': async (t, stores) => {
    const { authority, clock, shard, serialNumber, notAfter, another } = await world(stores);
    await revoke(authority, { ...asked, serialNumber });
    await publishShard(authority, shard);
    clock.step(notAfter - clock.now() - 1000);
    await publishShard(authority, shard);
    t.same((await served(authority, shard)).serials, [serialNumber], 'a second before its end');
    clock.advance(crlValidity.issuing);
    await publishShard(authority, shard);
    t.same((await served(authority, shard)).serials, [serialNumber], 'once after it');
    clock.advance(crlValidity.issuing);
    await publishShard(authority, shard);
    t.same((await served(authority, shard)).serials, [], 'and then no more');
    t.equal((await rowOf(authority, shard))!.entries, 0);
    const late = await another();
    await revoke(authority, { ...asked, serialNumber: late });
    await publishShard(authority, shard);
    t.same((await served(authority, shard)).serials, [late]);
  },

  'a clock that was ahead once: its CRL is replaced, and entries of certificates that live stay': async (t, stores) => {
    const { authority, clock, shard, serialNumber, notAfter } = await world(stores);
    await revoke(authority, { ...asked, serialNumber });
    const ahead = notAfter - clock.now() + 1000;
    clock.step(ahead);
    t.ok(await publishShard(authority, shard));
    clock.step(-ahead);
    t.ok(await publishShard(authority, shard), 'though nothing was revoked since');
    const mended = await served(authority, shard);
    t.match(mended, { thisUpdate: clock.now(), nextUpdate: clock.now() + crlValidity.issuing });
    t.same(mended.serials, [serialNumber]);
    t.equal(new Date(mended.crl.thisUpdate).getTime(), Math.floor(clock.now() / 1000) * 1000, 'in the CRL, too');
    t.notOk(await publishShard(authority, shard), 'once');
  },

  'a shard is full with 5,000 certificates, however many come at once; another address opens another': async (
    t,
    stores,
  ) => {
    const { authority, store, shard } = await world(stores);
    const issuer = shard.slice(0, shard.indexOf('/'));
    const assign = (which: Authority) => store.write((tx) => assignShard(which, tx, issuer));
    await setShard(authority, shard, { assigned: shardSize - 3 });
    const places = await Promise.all(Array.from({ length: 9 }, () => assign(authority)));
    t.same(places.toSorted(), [...Array(3).fill(`${issuer}/1`), ...Array(6).fill(`${issuer}/2`)]);
    t.match(await rowOf(authority, `${issuer}/1`), { assigned: shardSize, state: 'full' });
    t.match(await rowOf(authority, `${issuer}/2`), { assigned: 6, state: 'open' });
    const moved = { ...authority, urls: pkiUrlsAt('http://pki.vn') };
    t.equal(await assign(moved), `${issuer}/3`, 'its CRL would not speak for the certificates of the second');
    await publishShard(moved, `${issuer}/2`);
    const { crl } = await served(authority, `${issuer}/2`);
    t.equal(crl.distributionPoint, `http://127.0.0.1:8700/pki/crl/${issuer}/2.crl`, 'which keeps its own address');
  },

  'the root’s CRL covers authorities, and a root itself is in none': async (t, stores) => {
    const { authority, store } = await world(stores);
    const serialOf = (id: string) => new X509Certificate(authority.pki.byId(id)!.certificate).serialNumber;
    await publishShard(authority, 'root-1/1');
    t.same((await served(authority, 'root-1/1')).serials, []);
    const ended = { ...asked, reason: 'authorityCompromise', serialNumber: serialOf('issuing-rsa-1') } as const;
    const all = await Promise.all([1, 2, 3].map(() => revoke(authority, ended)));
    t.match(all, Array(3).fill({ credential: 'issuing-rsa-1', revocation: 'revoked' }));
    await publishShard(authority, 'root-1/1');
    const {
      serials,
      crl,
      crl: { entries },
    } = await served(authority, 'root-1/1');
    t.same(serials, [serialOf('issuing-rsa-1')]);
    t.match([...crlEntries({ entries })], [{ reason: 'cACompromise' }]);
    t.equal(crl.distributionPoint, undefined, 'it is the whole CRL of the root');
    t.same((await ordersOf(store)).length, 0, 'signer is told of no credential');
    const own = revoke(authority, { ...asked, serialNumber: serialOf('root-1') });
    await t.rejects(own, refused('credentialUnknown'), 'no CRL can say that of itself');
  },

  'S89: a kill at any place of a publication leaves the old CRL, and the next one is made': async (t, stores) => {
    const { authority, clock, shard, serialNumber } = await world(stores);
    await publishShard(authority, shard);
    const { number } = await served(authority, shard);
    await revoke(authority, { ...asked, serialNumber });
    for (const place of ['crl.numbered', 'crl.signed']) {
      setFailpoints((name) => (name === place ? Promise.reject(new Error('killed')) : undefined));
      await t.rejects(publishShard(authority, shard), { message: 'killed' }, place);
      setFailpoints(undefined);
      t.equal((await served(authority, shard)).number, number);
      clock.advance(10_001);
    }
    t.ok(await publishShard(authority, shard));
    t.same((await served(authority, shard)).serials, [serialNumber]);
  },
});
