import { verify } from 'node:crypto';
import t, { type Test } from 'tap';
import { newId } from '../../src/base/ids.ts';
import { certificateOrder, furtherKey, keyOrder, serialOf, statusOrder } from '../helpers/further-key.ts';
import { outcomes } from '../helpers/outcomes.ts';
import { rsaWithSha256 as rsa } from '../helpers/person.ts';
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

const keysOf = async ({ signer, store }: TestSigner, { credentialID }: TestPerson) =>
  (await signer.rows.keys.list(store.read, { credential: credentialID })).sort((a, b) => a.keyVersion - b.keyVersion);

const infoOf = ({ call }: TestSigner, { subscriber, credentialID }: TestPerson) =>
  call('credentials.info', { subscriber, credentialID });

t.test('a credential and its keys and certificates', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson(), hashes: randomHashes(2) };
  };
  const obeyed = async (world: TestSigner, order: Parameters<TestSigner['obey']>[0]) => {
    await world.obey(order);
    await world.push(world.ca.heartbeat());
  };

  await rulesOnBothEngines(t, {
    'a renewed certificate takes over in one step, SADs that were given go on, and the key stays': async (
      t,
      stores,
    ) => {
      const { world, person, hashes } = await setUp(t, stores);
      const sad = await person.authorize(hashes);
      await obeyed(world, statusOrder(person, 'hold'));
      const chain = await certificateChain(person.spki, world.clock.now(), world.clock.now() + 3_600_000);
      const order = world.ca.order(certificateOrder(person, chain));
      t.same(await outcomes(Array.from({ length: 10 }, () => world.push(order))), { done: 10 });
      await world.push(world.ca.heartbeat());
      t.match(await infoOf(world, person), { chain, certStatus: 'valid', keyStatus: 'enabled' });
      t.equal((await person.signHash(sad, hashes)).length, 2);
      const [key, second] = await keysOf(world, person);
      t.equal(second, undefined);
      t.same(JSON.parse(key!.serials), [serialOf(person.chain), serialOf(chain)]);
      const installed = (await readLeaves(world.store)).filter(({ event }) => event === 'certificate.installed');
      t.equal(installed.length, 2, 'of ten deliveries one counted');
    },

    'a further key changes nothing before its certificate comes; then it takes over, and the one before ends': async (
      t,
      stores,
    ) => {
      const { world, person, hashes } = await setUp(t, stores);
      const sad = await person.authorize(hashes);
      const { spki, order } = await furtherKey(world, person, 2, 'RSA-2048');
      await world.push(world.ca.heartbeat());
      t.match(await infoOf(world, person), { keyType: 'EC-P256', chain: person.chain });
      t.equal((await person.signHash(sad, [hashes[0]!])).length, 1, 'the SAD of the first key');
      const mid = await person.authorize(hashes);

      await obeyed(world, order);
      t.match(await infoOf(world, person), { keyType: 'RSA-2048', chain: order.chain, keyStatus: 'enabled' });
      const spent = world.token.signed.length;
      for (const old of [sad, mid]) {
        await t.rejects(person.signHash(old, [hashes[1]!], { signAlgo: rsa }), refused('sadInvalid'));
        await t.rejects(person.extend(old), refused('sadInvalid'));
      }
      t.equal(world.token.signed.length, spent, 'the token was not asked');
      const [signature] = await person.signHash(await person.authorize(hashes), [hashes[0]!], { signAlgo: rsa });
      t.equal(signature?.length, 256);
      const [first, second] = await keysOf(world, person);
      t.ok(first?.endedAt !== null && first?.sealedBlob.length === 0 && first.sealedDek.length === 0);
      t.match(second, { keyVersion: 2, endedAt: null, spki });
    },

    'its orders come again: the same attestation for each version, and no second key': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [first] = await keysOf(world, person);
      const orders = [2, 3].map((version) => world.ca.order(keyOrder(person, version)));
      const answers = [];
      for (const order of orders) answers.push(await world.push(order));
      const again = await Promise.all(orders.flatMap((order) => [world.push(order), world.push(order)]));
      t.same(
        again.map(({ attestation }) => attestation),
        answers.flatMap(({ attestation }) => [attestation, attestation]),
      );
      const keys = await keysOf(world, person);
      t.same(
        keys.map(({ attestation }) => JSON.parse(attestation)),
        [JSON.parse(first!.attestation), ...answers.map(({ attestation }) => attestation)],
      );
      t.equal(new Set(keys.map(({ spki }) => spki.toString('hex'))).size, 3);
      for (const { attestation } of answers) {
        const key = { key: world.signer.attestationSpki, format: 'der', type: 'spki' } as const;
        t.ok(verify('sha256', Buffer.from(attestation!.statement), key, Buffer.from(attestation!.signature, 'base64')));
      }
    },

    'keys that were passed over end, too; a certificate for one that ended changes nothing and the feed goes on':
      async (t, stores) => {
        const { world, person, hashes } = await setUp(t, stores);
        const second = await furtherKey(world, person, 2);
        const third = await furtherKey(world, person, 3);
        await obeyed(world, third.order);
        t.same(
          (await keysOf(world, person)).map(({ endedAt }) => endedAt !== null),
          [true, true, false],
        );
        await obeyed(world, second.order);
        await obeyed(world, certificateOrder(person, await certificateChain(person.spki, world.clock.now())));
        t.same((await infoOf(world, person)).chain, third.order.chain);
        const refusals = (await readLeaves(world.store)).filter(({ event }) => event === 'certificate.keyEnded');
        t.match(refusals, [{ result: 'refused' }, { result: 'refused' }]);
        t.ok(await person.authorize(hashes));
      },

    'after a revocation a further key brings the credential back, under the same id': async (t, stores) => {
      const { world, person, hashes } = await setUp(t, stores);
      await obeyed(world, statusOrder(person, 'revoked', { reason: 'keyCompromise' }));
      const { order } = await furtherKey(world, person, 2);
      await t.rejects(person.authorize(hashes), refused('certificateStatus'));
      await obeyed(world, order);
      t.match(await infoOf(world, person), { certStatus: 'valid', keyStatus: 'enabled' });
      await obeyed(world, statusOrder(person, 'revoked', { reason: 'keyCompromise' }));
      t.equal((await person.signHash(await person.authorize(hashes), hashes)).length, 2, 'old words about the old key');
    },

    'a further key without a first one, of somebody else, or of a version that is there, is refused': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      await obeyed(world, keyOrder(person, 3));
      const wrong = [
        keyOrder({ ...person, credentialID: newId() }, 2),
        keyOrder({ ...person, subscriber: other.subscriber }, 4),
        keyOrder(person, 2),
      ];
      const number = world.ca.newest();
      for (const order of wrong) {
        const previous = world.signer.feed.place().head;
        const of = { type: 'order', number: number + 1, previous, at: world.clock.now() } as const;
        await t.rejects(world.push(world.ca.signed({ ...of, order })), refused('orderRefused'));
      }
      t.equal((await keysOf(world, person)).length, 2);
    },

    'S10: a key that takes over during an authorize leaves no SAD for the one before': async (t, stores) => {
      const { world, person, hashes } = await setUp(t, stores);
      const { order } = await furtherKey(world, person, 2);
      await world.push(world.ca.heartbeat());
      const otp = await person.nextCode();
      let calls = 0;
      world.token.before = async () => {
        calls += 1;
        if (calls === 2) await world.obey(order);
      };
      await t.rejects(person.authorize(hashes, { otp }), refused('unavailable'));
      t.same(await world.store.read.db.select().from(world.store.read.t.authorizations), []);
      world.token.before = () => {};
      await world.push(world.ca.heartbeat());
      t.equal((await person.signHash(await person.authorize(hashes), hashes)).length, 2, 'the next try');
    },

    'S10: of a further key and signings in parallel, each signing is wholly before or its SAD is void': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const hashes = randomHashes(20);
      const { order } = await furtherKey(world, person, 2);
      await world.push(world.ca.heartbeat());
      const sad = await person.authorize(hashes);
      const signings = hashes.map((hash) => person.signHash(sad, [hash]));
      await obeyed(world, order);
      const { done = 0, sadInvalid = 0, ...other } = await outcomes(signings);
      t.equal(done + sadInvalid, 20);
      t.same(other, {});
      t.equal(world.token.signed.length, done);
    },

    'S57: a further key whose certificate is still to come moves to a new KEK with the others': async (t, stores) => {
      const { world, person, hashes } = await setUp(t, stores);
      const { order } = await furtherKey(world, person, 2);
      await world.push(world.ca.heartbeat());
      const { label } = await world.call('keys.rotate', { key: 'kek' });
      t.teardown(() => token.destroyKey(label));
      await person.authorize(hashes);
      t.same(
        (await keysOf(world, person)).map(({ kek }) => kek),
        [label, label],
      );
      await obeyed(world, order);
      t.equal((await person.signHash(await person.authorize(hashes), hashes)).length, 2);
      t.same(world.troubles, []);
    },
  });
});
