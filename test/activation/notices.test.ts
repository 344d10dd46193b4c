import t, { type Test } from 'tap';
import { localTime } from '../../src/activation/local-time.ts';
import { KysoError, kindOf } from '../../src/base/errors.ts';
import type { TemplateName } from '../../src/ipc/notify-contract.ts';
import { eq } from '../../src/store/drizzle.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { newSigner, randomHashes, signerToken, type TestPerson, type TestSigner } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';
import { until } from '../helpers/until.ts';

const minute = 60_000;
const wrongPin = { pin: 'not the right one' };

const waiting = ({ store }: TestSigner) => store.read.db.select().from(store.read.t.notices);

/** What the person was told with this template, when everything is told. */
async function told(world: TestSigner, person: TestPerson, template: TemplateName) {
  await until(async () => (await waiting(world)).length === 0);
  return world.notify.messages.filter(({ to, template: name }) => name === template && to === person.email);
}

t.test('times are told as clocks in Việt Nam show them', async (t) => {
  t.equal(localTime(Date.UTC(2026, 10, 2, 3, 4, 5)), '10:04:05 02/11/2026');
  t.equal(localTime(Date.UTC(2026, 11, 31, 17, 0, 0)), '00:00:00 01/01/2027');
});

t.test('what the holder is told', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };

  await rulesOnBothEngines(t, {
    'S87: that an approval is being used, once: for how many signatures, for whom, with which certificate and when':
      async (t, stores) => {
        const { world, person } = await setUp(t, stores);
        const hashes = randomHashes(4);
        let sad = await person.authorize(hashes);
        const time = localTime(world.clock.now());
        await person.signHash(sad, hashes.slice(0, 2));
        await person.signHash(sad, hashes.slice(2, 3));
        sad = await person.extend(sad, []);
        await person.signHash(sad, hashes.slice(3));
        const messages = await told(world, person, 'signed');
        t.equal(messages.length, 1);
        const [{ values, channel }] = messages as [(typeof messages)[number]];
        t.equal(channel, 'email');
        const credential = { credential: 'Nguyễn Thị Ánh', name: 'Nguyễn Thị Ánh' };
        t.match(values, { signatures: '4', client: 'direct', ...credential, time });
        await person.signHash(await person.authorize([hashes[0]!]), [hashes[0]!]);
        t.equal((await told(world, person, 'signed')).length, 2, 'another approval, another message');
      },

    'S87: of any number of first uses at once one is told, and it is told in the commit that spends': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const hashes = randomHashes(12);
      const sad = await person.authorize(hashes);
      world.store.failWrite(1, 'rolledBack');
      await t.rejects(person.signHash(sad, [hashes[0]!]), refused('unavailable'));
      t.equal((await told(world, person, 'signed')).length, 0, 'nothing was spent');
      await Promise.all(hashes.slice(2).map((hash) => person.signHash(sad, [hash])));
      t.equal((await told(world, person, 'signed')).length, 1);
      const other = await person.authorize(hashes);
      world.token.before = () => {
        throw new KysoError('integrity');
      };
      await t.rejects(person.signHash(other, [hashes[1]!]), refused('integrity'));
      t.equal((await told(world, person, 'signed')).length, 2, 'spent, whatever came of it');
    },

    'S87: that the account is active': async (t, stores) => {
      const world = await newSigner(t, stores, token);
      const person = await world.newPerson({ activate: false });
      await person.enrol();
      world.store.failWrite(4, 'rolledBack');
      await t.rejects(person.activate(), refused('unavailable'));
      t.same(await told(world, person, 'activated'), []);
      await person.activate();
      await person.activate({ otp: '000000' });
      const messages = await told(world, person, 'activated');
      t.same(
        messages.map(({ values }) => values.userID),
        [person.userID],
        'once',
      );
    },

    'S42: each lock of the PIN once, and no try during it': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const guess = async () => person.authorize(randomHashes(1), wrongPin);
      for (let n = 0; n < 4; n += 1) await t.rejects(guess(), refused('pinInvalid'));
      t.same(await told(world, person, 'pinLocked'), [], 'four wrong ones are free');
      await t.rejects(guess(), refused('pinInvalid'));
      const until = localTime(world.clock.now() + minute);
      for (let n = 0; n < 3; n += 1)
        await t.rejects(person.authorize(randomHashes(1), { ...wrongPin, otp: '000000' }), refused('otpInvalid'));
      await t.rejects(guess(), refused('pinLocked'));
      t.same(
        (await told(world, person, 'pinLocked')).map(({ values }) => values.until),
        [until],
      );
      for (let n = 6; n <= 10; n += 1) {
        await world.advance(60 * minute);
        await t.rejects(guess(), refused('pinInvalid'));
      }
      const untils = (await told(world, person, 'pinLocked')).map(({ values }) => values.until);
      t.equal(untils.length, 6);
      t.ok(untils.includes('for good'));
    },

    'S42: the right PIN at the try that would lock sets no lock and tells of none': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      for (let n = 0; n < 4; n += 1)
        await t.rejects(person.authorize(randomHashes(1), wrongPin), refused('pinInvalid'));
      await person.authorize(randomHashes(1));
      t.same(await told(world, person, 'pinLocked'), []);
    },

    'S42: each lock of the one-time code once, whichever kind of code it is': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const byMail = await person.newCredential({ otp: 'email' });
      const guesses = (who: TestPerson, count: number) =>
        Promise.allSettled(Array.from({ length: count }, () => who.authorize(randomHashes(1), { otp: 'wrong' })));
      await guesses(person, 20);
      await world.advance(minute);
      await guesses(byMail, 20);
      t.same(
        (await told(world, person, 'otpLocked')).map(({ values }) => values.until).sort(),
        [localTime(world.clock.now()), localTime(world.clock.now() + 5 * minute)].sort(),
      );
    },

    'S87: while notify is away everything waits, and comes once when it is back': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await told(world, person, 'activated');
      await until(async () => (await world.call('status', {})).notify === 'ok');
      world.notify.away = true;
      const hashes = randomHashes(2);
      const sad = await person.authorize(hashes);
      await person.signHash(sad, [hashes[0]!]);
      await until(async () => (await world.call('status', {})).notify === 'away');
      t.equal((await waiting(world)).length, 1);
      const restarted = await world.again();
      Object.assign(world.notify, { away: false, delayed: true });
      t.equal((await told(world, person, 'signed')).length, 1, 'also when two dispatchers hand it over');
      await until(async () => (await restarted.call('status', {})).notify === 'delayed');
    },

    'design §7: a notice that somebody changed in the store is reported, and keeps no other from going out': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      await told(world, person, 'activated');
      world.notify.away = true;
      for (const hash of randomHashes(2)) await person.signHash(await person.authorize([hash]), [hash]);
      const [first] = await waiting(world);
      const { notices: n } = world.store.read.t;
      const sealed = Buffer.from(first!.sealed).fill(1);
      await world.store.write((tx) => tx.db.update(n).set({ sealed }).where(eq(n.id, first!.id)));
      world.notify.away = false;
      t.equal((await told(world, person, 'signed')).length, 1);
      t.match(world.troubles.map(kindOf), ['integrity']);
    },

    'S87: a notice that notify refuses is reported and given up, and keeps no other from going out': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      await told(world, person, 'activated');
      const { call } = world.notify;
      let refused: string | undefined;
      world.notify.call = async (method, params) => {
        const { messages = [] } = params as { messages?: { id: string }[] };
        refused ??= messages[0]?.id;
        if (messages.some(({ id }) => id === refused)) throw new KysoError('requestInvalid', 'no such address');
        return call(method, params);
      };
      world.notify.away = true;
      for (const hash of randomHashes(3)) await person.signHash(await person.authorize([hash]), [hash]);
      world.notify.away = false;
      t.equal((await told(world, person, 'signed')).length, 2);
      t.match(world.troubles.map(kindOf), ['requestInvalid']);
      t.same(await waiting(world), []);
    },

    'S87: a notice whose handover was not confirmed is handed over again under its id': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await told(world, person, 'activated');
      const { call } = world.notify;
      const handed: string[] = [];
      world.notify.call = async (method, params) => {
        const answer = await call(method, params);
        if (method !== 'messages.post') return answer;
        handed.push(...(params as { messages: { id: string }[] }).messages.map(({ id }) => id));
        if (handed.length === 1) throw new KysoError('unavailable', 'the answer was lost');
        return answer;
      };
      const [hash] = randomHashes(1);
      await person.signHash(await person.authorize([hash!]), [hash!]);
      t.equal((await told(world, person, 'signed')).length, 1);
      t.same([handed.length, new Set(handed).size], [2, 1]);
    },
  });
});
