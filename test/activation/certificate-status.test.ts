import t, { type Test } from 'tap';
import { statusOrder } from '../helpers/further-key.ts';
import { outcomes } from '../helpers/outcomes.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import {
  certificateChain,
  newSigner,
  randomHashes,
  readLeaves,
  signerToken,
  type TestPerson,
} from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

t.test('what becomes of a certificate', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    const person = await world.newPerson();
    const { subscriber, credentialID } = person;
    const info = async (of: Pick<TestPerson, 'credentialID'> = person) => {
      const { keyStatus, certStatus } = await world.call('credentials.info', {
        subscriber,
        credentialID: of.credentialID,
      });
      return `${certStatus} ${keyStatus}`;
    };
    return { world, person, credentialID, info, hash: randomHashes(1)[0]! };
  };

  await rulesOnBothEngines(t, {
    'S10: on hold nothing is authorized, signed, extended or sent, nothing is used up, and a release brings all back':
      async (t, stores) => {
        const { world, person, info, hash } = await setUp(t, stores);
        const mailed = await person.newCredential({ otp: 'email' });
        const sad = await person.authorize([hash]);
        const otp = await person.nextCode();
        await world.obey(statusOrder(person, 'hold'));
        await world.obey(statusOrder(mailed, 'hold'));
        await world.push(world.ca.heartbeat());
        t.equal(await info(), 'suspended disabled');
        const no = refused('certificateStatus');
        await t.rejects(person.authorize([hash], { otp, pin: 'wrong' }), no, 'before any factor');
        await t.rejects(person.signHash(sad, [hash]), no);
        await t.rejects(person.extend(sad), no);
        await t.rejects(mailed.sendCode(), no);
        await world.obey(statusOrder(person, 'good'));
        await world.push(world.ca.heartbeat());
        t.equal(await info(), 'valid enabled');
        t.equal((await person.signHash(sad, [hash])).length, 1, 'the SAD of before');
        t.ok(await person.authorize([hash], { otp }), 'and the code of before');
        t.equal(await info(mailed), 'suspended disabled', 'each certificate for itself');
      },

    'S10: revoked is for good: refused everywhere, and no later word brings it back': async (t, stores) => {
      const { world, person, info, hash } = await setUp(t, stores);
      const sad = await person.authorize([hash, hash]);
      const otp = await person.nextCode();
      await world.obey(statusOrder(person, 'revoked'));
      for (const later of ['good', 'hold'] as const) await world.obey(statusOrder(person, later));
      await world.push(world.ca.heartbeat());
      t.equal(await info(), 'revoked disabled');
      const no = refused('certificateStatus');
      await t.rejects(person.authorize([hash], { otp }), no);
      await t.rejects(person.signHash(sad, [hash]), no);
      await t.rejects(person.extend(sad), no);
      t.same(world.token.signed, []);
      const told = (await readLeaves(world.store)).map(({ event, result }) => `${event} ${result}`);
      t.same(told.filter((line) => line.startsWith('certificate.') && !line.includes('installed')).sort(), [
        'certificate.good refused',
        'certificate.hold refused',
        'certificate.revoked done',
      ]);
    },

    'a block is not the state of the certificate, and neither lifts the other': async (t, stores) => {
      const { world, person, credentialID, info, hash } = await setUp(t, stores);
      const block = (blocked: boolean) => world.obey({ kind: 'block', credentialID, blocked, reason: 'test' });
      await block(true);
      t.equal(await info(), 'valid disabled');
      await world.obey(statusOrder(person, 'hold'));
      await block(false);
      t.equal(await info(), 'suspended disabled');
      await block(true);
      await world.obey(statusOrder(person, 'good'));
      t.equal(await info(), 'valid disabled');
      await world.push(world.ca.heartbeat());
      await t.rejects(person.authorize([hash]), refused('credentialDisabled'));
    },

    'what becomes of an earlier certificate of the key does not touch the one that took its place': async (
      t,
      stores,
    ) => {
      const { world, person, info, hash } = await setUp(t, stores);
      const first = person.chain;
      const chain = await certificateChain(person.spki, world.clock.now());
      await world.obey({ kind: 'certificate', credentialID: person.credentialID, chain });
      for (const status of ['hold', 'good', 'revoked'] as const) {
        await world.obey(statusOrder(person, status, { chain: first, reason: 'superseded' }));
        t.equal(await info(), 'valid enabled', status);
      }
      t.ok(await person.authorize([hash]));
      await world.obey(statusOrder(person, 'revoked', { chain: first, reason: 'keyCompromise' }));
      t.equal(await info(), 'revoked disabled', 'unless its key is in other hands');
      await t.rejects(person.authorize([hash]), refused('certificateStatus'));
    },

    'a certificate that this credential never had: noted, and nothing else; the feed goes on': async (t, stores) => {
      const { world, person, info } = await setUp(t, stores);
      const other = await world.newPerson();
      await world.obey(statusOrder(person, 'revoked', { chain: other.chain, reason: 'keyCompromise' }));
      t.equal(await info(), 'valid enabled');
      const noted = (await readLeaves(world.store)).filter(({ event }) => event === 'certificate.revoked');
      t.match(noted, [{ detail: { current: false } }]);
    },

    'serial numbers are numbers: leading zeros and the case of digits do not count': async (t, stores) => {
      const { world, person, info } = await setUp(t, stores);
      const order = statusOrder(person, 'hold');
      await world.obey({ ...order, serialNumber: `00${order.serialNumber.toLowerCase()}` });
      t.equal(await info(), 'suspended disabled');
    },

    'S70: the same order at once and again has one effect and one entry': async (t, stores) => {
      const { world, person, info } = await setUp(t, stores);
      const order = world.ca.order(statusOrder(person, 'revoked'));
      t.same(await outcomes(Array.from({ length: 20 }, () => world.push(order))), { done: 20 });
      await world.push(order);
      t.equal(await info(), 'revoked disabled');
      const events = (await readLeaves(world.store)).map(({ event }) => event);
      t.equal(events.filter((event) => event === 'certificate.revoked').length, 1);
      t.equal(events.filter((event) => event === 'key.ended').length, 1);
    },

    'S10: of a revocation and signings in parallel, each signing is wholly before or refused': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [last, ...hashes] = randomHashes(31);
      const sad = await person.authorize([last!, ...hashes]);
      const signings = hashes.map((hash) => person.signHash(sad, [hash]));
      await world.obey(statusOrder(person, 'revoked'));
      await world.push(world.ca.heartbeat());
      const after = t.rejects(person.signHash(sad, [last!]), refused('certificateStatus'));
      const { done = 0, certificateStatus = 0, ...other } = await outcomes(signings);
      t.equal(done + certificateStatus, 30);
      t.same(other, {});
      t.equal(world.token.signed.length, done);
      await after;
    },
  });
});
