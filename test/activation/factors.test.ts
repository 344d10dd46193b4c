import t, { type Test } from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { eq } from '../../src/store/drizzle.ts';
import { outcomes } from '../helpers/outcomes.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { codeAt, newSigner, randomHashes, signerToken, type TestPerson, type TestSigner } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

const minute = 60_000;
const wrongPin = { pin: 'not the right one' };

async function factorsOf({ store }: TestSigner, { subscriber }: TestPerson) {
  const { factors } = store.read.t;
  const [row] = await store.read.db.select().from(factors).where(eq(factors.subscriber, subscriber));
  return row!;
}

/** Makes `count` wrong guesses of the PIN, each as soon as the lock of the one before is over. */
async function guess(t: Test, world: TestSigner, person: TestPerson, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const { pinLockedUntil } = await factorsOf(world, person);
    await world.advance(Math.max(0, pinLockedUntil - world.clock.now()));
    await t.rejects(person.authorize(randomHashes(1), wrongPin), refused('pinInvalid'));
  }
}

t.test('the factors', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };

  await rulesOnBothEngines(t, {
    'S1: with each subset of factors left out or wrong, authorize is refused and the token signs nothing': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      const [hash] = randomHashes(1);
      const wrongCode = String((Number(person.code(20)) + 1) % 1_000_000).padStart(6, '0');
      await t.rejects(person.authorize([hash!], { otp: wrongCode }), refused('otpInvalid'), 'wrong code');
      await t.rejects(person.authorize([hash!], { otp: '' }), refused('otpInvalid'), 'no code');
      await t.rejects(person.authorize([hash!], { otp: '12345a' }), refused('otpInvalid'), 'not a code');
      await t.rejects(person.authorize([hash!], wrongPin), refused('pinInvalid'), 'wrong PIN');
      await t.rejects(person.authorize([hash!], { pin: other.pin }), refused('pinInvalid'), "somebody else's PIN");
      await t.rejects(person.authorize([hash!], { ...wrongPin, otp: wrongCode }), refused('otpInvalid'), 'both wrong');
      await t.rejects(person.authorize([hash!], { otp: await other.nextCode() }), refused('otpInvalid'));
      const { subscriber } = other;
      await t.rejects(person.authorize([hash!], { subscriber }), refused('credentialUnknown'), 'S19: not theirs');
      const made = await world.store.read.db.select().from(world.store.read.t.authorizations);
      t.same(made, [], 'no authorization was made');
      t.same(world.token.signed, [], 'and the token was not asked to sign');
    },

    'S2: without the SAD, or with another one, a rogue api gets nothing signed': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const changed = `${sad.slice(0, -1)}${sad.endsWith('A') ? 'E' : 'A'}`;
      for (const value of ['', 'A'.repeat(43), changed, sad.slice(1), ` ${sad}`, `${sad}=`])
        await t.rejects(person.signHash(value, [hash!]), refused('sadInvalid'));
      t.same(world.token.signed, []);
      await person.signHash(sad, [hash!]);
      t.same(world.token.signed, [[hash!.toString('hex')]], 'with it the token is asked, once');
    },

    'S42: a wrong PIN is counted, the lock grows, and a try during the lock is refused and changes nothing': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      await guess(t, world, person, 4);
      t.equal((await factorsOf(world, person)).pinLockedUntil, 0, 'four wrong ones are free');
      for (const [failures, minutes] of [
        [5, 1],
        [6, 5],
        [7, 15],
        [8, 60],
        [9, 60],
      ] as const) {
        await guess(t, world, person, 1);
        const { pinFailures, pinLockedUntil } = await factorsOf(world, person);
        t.equal(pinFailures, failures);
        t.equal(pinLockedUntil, world.clock.now() + minutes * minute, `${failures} failures: ${minutes} min`);
        await t.rejects(person.authorize(randomHashes(1), { otp: await person.nextCode() }), refused('pinLocked'));
        t.equal((await factorsOf(world, person)).pinFailures, failures, 'the right PIN during the lock is no try');
      }
    },

    'S42: when the lock is over the right PIN is good again, and it clears the count': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await guess(t, world, person, 5);
      await t.rejects(person.authorize(randomHashes(1)), refused('pinLocked'));
      await world.advance(minute);
      await person.authorize(randomHashes(1));
      const { pinFailures, pinLockedUntil } = await factorsOf(world, person);
      t.same({ pinFailures, pinLockedUntil }, { pinFailures: 0, pinLockedUntil: 0 });
      await guess(t, world, person, 4);
      await person.authorize(randomHashes(1));
    },

    'S42: the tenth wrong PIN in a row locks it for good': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await guess(t, world, person, 10);
      await world.advance(400 * 24 * 60 * minute);
      await t.rejects(person.authorize(randomHashes(1)), refused('pinLocked'), 'a year later');
      t.equal((await factorsOf(world, person)).pinFailures, 10);
    },

    'S42: of 50 parallel wrong PINs no more are tried than the limit allows': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      // A guess needs a code of its own; the repeated activation, which asks for the PIN alone, needs none.
      const { userID, halves } = person;
      const params = { userID, halves, otp: '000000', request: 'r', ...wrongPin };
      const counts = await outcomes(Array.from({ length: 50 }, () => world.call('activation.complete', params)));
      t.same(counts, { pinInvalid: 5, pinLocked: 45 });
      t.equal((await factorsOf(world, person)).pinFailures, 5);
    },

    'S42: a token that fails says nothing about the PIN, so the try is not counted': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      let calls = 0;
      world.token.before = () => {
        calls += 1;
        if (calls % 2 === 0) throw new KysoError('tokenUnavailable');
      };
      for (let n = 0; n < 12; n += 1) await t.rejects(person.authorize(randomHashes(1)), refused('tokenUnavailable'));
      t.equal(calls, 24, 'the first call opens the seed, the second is for the PIN');
      world.token.before = () => {};
      t.equal((await factorsOf(world, person)).pinFailures, 0);
      await person.authorize(randomHashes(1));
    },

    'S41: codes of the step before, this one and the next are good, others are not': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      for (const offset of [-1, 0, 1]) {
        await world.advance(10 * minute);
        await person.authorize(randomHashes(1), { otp: person.code(offset) });
      }
      for (const offset of [-2, 2]) {
        await world.advance(10 * minute);
        await t.rejects(person.authorize(randomHashes(1), { otp: person.code(offset) }), refused('otpInvalid'));
      }
      t.equal((await factorsOf(world, person)).otpFailures, 2);
    },

    'S41: each step is good once, and no step before it afterwards; a replay is not counted as a guess': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      await world.advance(10 * minute);
      const [before, now, next] = [-1, 0, 1].map((offset) => person.code(offset));
      await person.authorize(randomHashes(1), { otp: now! });
      await t.rejects(person.authorize(randomHashes(1), { otp: now! }), refused('otpInvalid'), 'again');
      await t.rejects(person.authorize(randomHashes(1), { otp: before! }), refused('otpInvalid'), 'the one before');
      t.equal((await factorsOf(world, person)).otpFailures, 0);
      await person.authorize(randomHashes(1), { otp: next! });
    },

    'S41: of 50 parallel claims of one code exactly one gets through': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const otp = await person.nextCode();
      const counts = await outcomes(Array.from({ length: 50 }, () => person.authorize(randomHashes(1), { otp })));
      t.same(counts, { done: 1, otpInvalid: 49 });
      t.equal((await factorsOf(world, person)).otpFailures, 0);
      await person.authorize(randomHashes(1));
    },

    'S42: of 200 parallel wrong codes five are judged and lock; the right code during the lock is neither taken nor used up':
      async (t, stores) => {
        const { world, person } = await setUp(t, stores);
        const wrong = codeAt('A'.repeat(32), 0);
        const counts = await outcomes(
          Array.from({ length: 200 }, () => person.authorize(randomHashes(1), { otp: wrong })),
        );
        t.same(counts, { otpInvalid: 5, otpLocked: 195 });
        const { otpFailures, otpLockedUntil } = await factorsOf(world, person);
        t.same([otpFailures, otpLockedUntil], [5, world.clock.now() + minute]);
        await world.advance(minute - 1);
        const otp = person.code(1);
        await t.rejects(person.authorize(randomHashes(1), { otp }), refused('otpLocked'));
        await world.advance(1);
        await person.authorize(randomHashes(1), { otp });
        t.equal((await factorsOf(world, person)).otpFailures, 0, 'and clears the count');
      },

    'S42: a right code does not clear the count of the PIN': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await guess(t, world, person, 3);
      t.equal((await factorsOf(world, person)).pinFailures, 3, 'each of the three came with a right code');
    },

    'S1: a person who has not finished the activation cannot authorize, not even with the halves as PIN': async (
      t,
      stores,
    ) => {
      const world = await newSigner(t, stores, token);
      const person = await world.newPerson({ activate: false });
      await t.rejects(person.authorize(randomHashes(1), { otp: '000000' }), refused('credentialDisabled'));
      await person.enrol();
      const bare = (half: string) => half.replaceAll('-', '');
      const pin = `${bare(person.halves.email)}|${bare(person.halves.sms)}`;
      await t.rejects(person.authorize(randomHashes(1), { pin }), refused('credentialDisabled'));
      const { lastStep, pinFailures } = await factorsOf(world, person);
      t.same([lastStep, pinFailures], [0, 0], 'and neither factor was asked');
    },
  });
});
