import t from 'tap';
import { trustedTime } from '../../src/activation/time.ts';
import { upkeep } from '../../src/activation/upkeep.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { fakeClock, newSigner, randomHashes, readLeaves, signerToken } from '../helpers/signer.ts';

const hour = 3_600_000;
const year = 365 * 24 * hour;

t.test('S63: a wall clock that steps by more than 60 s is not believed', async (t) => {
  for (const step of [60_001, -60_001, hour, -hour, year, -year]) {
    const clock = fakeClock();
    const time = trustedTime(clock, 0);
    const before = time.now();
    clock.advance(5_000);
    clock.step(step);
    t.throws(() => time.assertTrusted(), refused('clockUntrusted'), `${step} ms`);
    t.equal(time.now(), before + 5_000, 'the monotonic clock counts on');
    clock.step(-step);
    t.throws(() => time.assertTrusted(), refused('clockUntrusted'), 'and it is not forgotten');
  }
});

t.test('S63: a small step is believed, but time does not run backwards', async (t) => {
  const clock = fakeClock();
  const time = trustedTime(clock, 0);
  const before = time.now();
  clock.step(-60_000);
  t.equal(time.now(), before);
  time.assertTrusted();
  clock.advance(60_000);
  t.equal(time.now(), before);
  clock.advance(1);
  t.equal(time.now(), before + 1);
});

t.test('S63: a step that is over before anybody asks for trust was still seen', async (t) => {
  const clock = fakeClock();
  const time = trustedTime(clock, 0);
  clock.step(hour);
  time.now();
  clock.step(-hour);
  t.throws(() => time.assertTrusted(), refused('clockUntrusted'));
});

t.test('S63: forward and back again by less than 60 s each from the start, but more from what was seen', async (t) => {
  const clock = fakeClock();
  const time = trustedTime(clock, 0);
  clock.step(50_000);
  time.now();
  clock.step(-70_000);
  t.throws(() => time.assertTrusted(), refused('clockUntrusted'));
});

t.test('the signer and its clock', async (t) => {
  const token = await signerToken(t);
  await rulesOnBothEngines(t, {
    'S63: after a step nothing is authorized or signed, the log says so once, and the operator sees it': async (
      t,
      stores,
    ) => {
      const world = await newSigner(t, stores, token);
      const person = await world.newPerson();
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      world.clock.step(hour);
      await world.push(world.ca.heartbeat());
      await t.rejects(person.authorize([hash!], { otp: person.code() }), refused('clockUntrusted'));
      await t.rejects(person.signHash(sad, [hash!]), refused('clockUntrusted'));
      t.same(world.token.signed, []);
      t.equal((await world.call('status', {})).ready, false);
      world.store.failWrite(2, 'rolledBack');
      await t.rejects(upkeep(world.signer), 'the first report is lost');
      await upkeep(world.signer);
      await upkeep(world.signer);
      const steps = (await readLeaves(world.store)).filter(({ event }) => event === 'clock.stepped');
      t.same(
        steps.map(({ detail }) => detail),
        [{ milliseconds: hour }],
      );
    },

    'S63: a clock that was a year ahead for a moment does not stay in the store': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      await upkeep(world.signer);
      world.clock.step(year);
      await upkeep(world.signer);
      world.clock.step(-year);
      world.clock.advance(1_000);
      const restarted = await world.again();
      restarted.signer.time.assertTrusted();
      t.equal(restarted.signer.time.now(), world.clock.now());
    },

    'S8: after a restart with an earlier clock an expired SAD stays expired': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const person = await world.newPerson();
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      await world.advance(300_000);
      await upkeep(world.signer);
      const clock = fakeClock(world.clock.now() - 50_000);
      const restarted = await world.again({ clock });
      await restarted.push(world.ca.heartbeat({ at: clock.now() }));
      const params = { ...person.caller, sad, credentialID: person.credentialID, signAlgo: '1.2.840.10045.4.3.2' };
      const sign = () => restarted.call('signatures.signHash', { ...params, hashes: [hash!.toString('base64')] });
      await t.rejects(sign(), refused('sadExpired'));
      const far = world.again({ clock: fakeClock(world.clock.now() - hour) });
      const named = { ...refused('clockUntrusted'), message: /set the clock right.*kyso signer restored/ };
      await t.rejects(far, named, 'an hour is too much to believe');
    },

    'several signers on one store: the clock that is ahead counts': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const behind = await world.again({ instance: 'signer-2', clock: fakeClock(world.clock.now() - 5_000) });
      await upkeep(world.signer);
      await upkeep(behind.signer);
      const { settings } = world.store.read.t;
      const rows = await world.store.read.db.select().from(settings);
      t.equal(rows.find(({ name }) => name === 'lastInstant')!.value, String(world.clock.now()));
    },
  });
});
