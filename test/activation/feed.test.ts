import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { newId } from '../../src/base/ids.ts';
import { type Order, orderHash } from '../../src/ipc/feed.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import {
  certificateChain,
  fakeCa,
  newSigner,
  randomHashes,
  readLeaves,
  signerToken,
  type TestPerson,
  type TestSigner,
} from '../helpers/signer.ts';

const newSubscriber = (subscriber = newId()): Order => ({
  ...{ kind: 'subscriber', subscriber, userID: `u-${subscriber}`, name: 'Trần Văn Bình' },
  ...{ email: 'binh@songhong.example.vn', phone: '+84900000002' },
});

const newKey = (subscriber: string, credentialID = newId()) =>
  ({
    kind: 'makeKey',
    credentialID,
    subscriber,
    keyType: 'EC-P256',
    otp: 'totp',
    lineHash: randomBytes(32).toString('base64'),
  }) as const;

const position = async (world: TestSigner) => (await world.call('feed.position', {})).number;

/** Shows that neither authorize nor sign passes, and that nothing of code, PIN or SAD is used up by it. */
async function refusesAsStale(t: Test, world: TestSigner, person: TestPerson, sad: string, hash: Buffer) {
  const { factors, authorizations } = world.store.read.t;
  const state = async () => [
    await world.store.read.db.select().from(factors),
    await world.store.read.db.select().from(authorizations),
  ];
  const before = await state();
  await t.rejects(person.authorize([hash], { otp: person.code() }), refused('feedStale'));
  await t.rejects(person.signHash(sad, [hash]), refused('feedStale'));
  t.same(await state(), before, 'nothing used up');
  t.same(world.token.signed, []);
  t.equal((await world.call('status', {})).ready, false);
}

t.test("ca's status feed", async (t) => {
  const token = await signerToken(t);

  await rulesOnBothEngines(t, {
    'orders and heartbeats that ca did not sign change nothing': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const stranger = fakeCa(world.clock);
      await t.rejects(world.push(stranger.order(newSubscriber())), refused('integrity'), 'another key');
      await t.rejects(world.push(stranger.heartbeat()), refused('integrity'), 'another key, heartbeat');
      const good = world.ca.order(newSubscriber());
      const payload = good.payload.replace('Trần', 'Trán');
      await t.rejects(world.push({ ...good, payload }), refused('integrity'), 'a changed order');
      for (const signature of ['', 'AAAA', good.signature.slice(4), stranger.order(newSubscriber()).signature])
        await t.rejects(world.push({ ...good, signature }), refused('integrity'), 'no such signature');
      t.equal(await position(world), 0);
      t.same(await readLeaves(world.store), []);
      t.same(await world.push(good), { number: 1 });
    },

    'what ca signed but is no message of the feed is refused': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const order = { ...newSubscriber(), more: 1 };
      const odd = [
        { type: 'order', number: 1, previous: '', at: 1, order },
        { type: 'order', number: 1, at: 1, order: newSubscriber() },
        { type: 'order', number: 1.5, previous: '', at: 1, order: newSubscriber() },
        { type: 'heartbeat', beat: 9, number: 0, head: '' },
        { type: 'heartbeat', beat: 9, number: 0, at: world.clock.now() },
        { type: 'else' },
      ];
      for (const payload of odd)
        await t.rejects(world.push(world.ca.signed(payload as never)), refused('requestInvalid'));
      t.equal(await position(world), 0);
    },

    'orders are applied in the order of their numbers, without a gap': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const subscriber = newId();
      const first = world.ca.order(newSubscriber(subscriber));
      const second = world.ca.order(newKey(subscriber));
      await t.rejects(world.push(second), refused('requestInvalid'));
      t.equal(await position(world), 0);
      const answers = await Promise.all([world.push(first), world.push(second)]);
      t.same(
        answers.map(({ number }) => number),
        [1, 2],
        'pushed at once, in their order',
      );
    },

    'an order that comes again gets the same answer and has no second effect': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const subscriber = newId();
      const first = world.ca.order(newSubscriber(subscriber));
      const second = world.ca.order(newKey(subscriber));
      await world.push(first);
      const answer = await world.push(second);
      t.ok(answer.attestation);
      t.same(await world.push(second), answer, 'the same attestation, of the same key');
      t.same(await world.push(first), { number: 2 });
      const restarted = await world.again();
      t.same(await restarted.push(second), answer, 'after a restart, too');
      const events = (await readLeaves(world.store)).map(({ event }) => event);
      t.same(events.sort(), ['key.made', 'subscriber.created']);
    },

    'an order whose commit fails is not applied, and is applied when it comes again': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const order = world.ca.order(newSubscriber());
      world.store.failWrite(1, 'rolledBack');
      await t.rejects(world.push(order), refused('unavailable'));
      t.equal(await position(world), 0);
      t.same(await world.push(order), { number: 1 });
    },

    'S11: a certificate for another key is refused, and the credential stays without one': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const [person, other] = [await world.newPerson(), await world.newPerson()];
      const { subscriber } = person;
      const key = newKey(subscriber);
      await world.obey(key);
      const order = { kind: 'certificate', credentialID: key.credentialID, chain: other.chain } as const;
      await t.rejects(world.obey(order), refused('orderRefused'));
      const { credentialIDs } = await world.call('credentials.list', { subscriber, limit: 100 });
      t.same(credentialIDs, [person.credentialID]);
    },

    'a renewed certificate replaces the old one under the same credential and key': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const person = await world.newPerson();
      await world.advance(1_000);
      const chain = await certificateChain(person.spki, world.clock.now());
      await world.obey({ kind: 'certificate', credentialID: person.credentialID, chain });
      await world.push(world.ca.heartbeat());
      const { subscriber, credentialID } = person;
      const info = await world.call('credentials.info', { subscriber, credentialID });
      t.same(info.chain, chain);
      const [hash] = randomHashes(1);
      t.equal((await person.signHash(await person.authorize([hash!]), [hash!])).length, 1);
    },

    'ten seconds without a heartbeat: neither authorize nor sign, and nothing is used up': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const person = await world.newPerson();
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      await world.advance(30_000);
      world.clock.advance(10_000);
      t.equal((await world.call('status', {})).ready, true, 'ten are allowed');
      world.clock.advance(1);
      await refusesAsStale(t, world, person, sad, hash!);
      await world.push(world.ca.heartbeat());
      t.equal((await person.signHash(sad, [hash!])).length, 1, 'and goes on with the next one');
    },

    'a heartbeat that announces an order which did not arrive makes the feed stale at once': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const person = await world.newPerson();
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const { credentialID } = person;
      const before = world.ca.heartbeat();
      const block = world.ca.order({ kind: 'block', credentialID, blocked: true, reason: 'test' });
      await world.push(world.ca.heartbeat());
      await refusesAsStale(t, world, person, sad, hash!);
      await world.push(before);
      await refusesAsStale(t, world, person, sad, hash!);
      await world.push(block);
      await world.push(world.ca.heartbeat());
      await t.rejects(person.signHash(sad, [hash!]), refused('credentialDisabled'), 'it was a block');
    },

    'a heartbeat that is played again, or comes late, does not make the feed fresh': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const person = await world.newPerson();
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const held = world.ca.heartbeat();
      const heard = world.ca.heartbeat();
      await world.push(heard);
      world.clock.advance(6_000);
      await world.push(heard);
      await world.push(held);
      world.clock.advance(6_000);
      await refusesAsStale(t, world, person, sad, hash!);

      const late = world.ca.heartbeat();
      world.clock.advance(9_000);
      await world.push(late);
      t.equal((await world.call('status', {})).feedAge, 9_000, 'its age begins where ca said it');
      world.clock.advance(1_001);
      await refusesAsStale(t, world, person, sad, hash!);

      const early = world.ca.heartbeat({ at: world.clock.now() + 10_001 });
      await world.push(early);
      await refusesAsStale(t, world, person, sad, hash!);
    },

    'S69: a ca that was set back and issues other orders under old numbers is noticed, and nothing is signed': async (
      t,
      stores,
    ) => {
      const world = await newSigner(t, stores, token);
      const person = await world.newPerson();
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const { credentialID } = person;
      const block = { kind: 'block', credentialID, blocked: true, reason: 'lost' } as const;
      const unblock = { ...block, blocked: false };
      const number = world.ca.newest() + 1;
      await world.obey(block);
      await world.advance(30_001);
      world.clock.advance(10_001);

      const signed = (order: Order, of: { number: number; previous: string }) =>
        world.ca.signed({ type: 'order', ...of, at: world.clock.now(), order });
      const before = JSON.parse(world.ca.heartbeat().payload).head;
      const instead = signed({ ...block, reason: 'another' }, { number, previous: before });
      await t.rejects(world.push(instead), refused('integrity'), 'another order of the newest number');
      const head = orderHash(instead.payload);
      await t.rejects(world.push(world.ca.heartbeat({ head })), refused('integrity'), 'a heartbeat about it');
      const next = signed(unblock, { number: number + 1, previous: head });
      await t.rejects(world.push(next), refused('integrity'), 'an order behind it');
      await t.rejects(world.push(world.ca.heartbeat({ head: '' })), refused('integrity'));
      t.equal(await position(world), number);
      t.equal((await world.call('status', {})).feed, false, 'none of this made the feed fresh');
      await refusesAsStale(t, world, person, sad, hash!);
      const restarted = await world.again();
      t.same(await restarted.call('feed.position', {}), { number, head: before }, 'and the place survives a restart');
    },

    'after a restart nothing is signed before a heartbeat, and an earlier one is none': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const old = world.ca.heartbeat();
      world.clock.advance(10_001);
      const { signer } = await world.again();
      t.ok(signer.feed.isFresh(), 'the helper pushed one');
      const { feedState } = await import('../../src/activation/feed-state.ts');
      const state = feedState(world.clock, { number: 0, head: '' });
      t.throws(() => state.assertFresh(), refused('feedStale'));
      state.heard(JSON.parse(old.payload), old);
      t.throws(() => state.word(), refused('feedStale'));
      t.throws(() => state.assertFresh(), refused('feedStale'));
    },
  });
});

t.test('two signers on one PostgreSQL store', async (t) => {
  const token = await signerToken(t);
  await rulesOnBothEngines(t, {
    'apply each order once, whoever gets it, and both hear of it': async (t, stores) => {
      if (stores.engine === 'sqlite') return void t.pass('one signer per SQLite store (design §2)');
      const world = await newSigner(t, stores, token);
      const second = await world.again({ instance: 'signer-2' });
      const person = await world.newPerson();
      const { credentialID } = person;
      for (let n = 0; n < 5; n += 1) {
        const order = world.ca.order({ kind: 'block', credentialID, blocked: n % 2 === 0, reason: `${n}` });
        const answers = await Promise.all([world.push(order), second.push(order), world.push(order)]);
        t.same(
          answers.map(({ number }) => number),
          Array(3).fill(world.ca.newest()),
        );
      }
      const blocks = (await readLeaves(world.store)).filter(({ event }) => String(event).startsWith('credential.'));
      t.equal(blocks.length, 5);
      const key = world.ca.order(newKey(person.subscriber));
      const [one, two] = await Promise.all([world.push(key), second.push(key)]);
      t.same(one, two, 'one key, one attestation');
      await second.push(world.ca.heartbeat());
      t.equal(await position(second), await position(world));
      t.ok(second.signer.feed.isFresh());
    },
  });
});
