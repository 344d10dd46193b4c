import t, { type Test } from 'tap';
import { activationSecret } from '../../src/activation/subscribers.ts';
import { openVault } from '../../src/activation/vault.ts';
import { KysoError } from '../../src/base/errors.ts';
import { eq } from '../../src/store/drizzle.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import {
  newSigner,
  randomHashes,
  readLeaves,
  signerToken,
  type TestPerson,
  type TestSigner,
} from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

const day = 24 * 3_600_000;
const wrongHalves = { email: '0'.repeat(26), sms: '0'.repeat(13) };

async function rowsOf({ store }: TestSigner, { subscriber }: TestPerson) {
  const { factors, vaults, subscribers } = store.read.t;
  const [factor] = await store.read.db.select().from(factors).where(eq(factors.subscriber, subscriber));
  const [vault] = await store.read.db.select().from(vaults).where(eq(vaults.subscriber, subscriber));
  const [person] = await store.read.db.select().from(subscribers).where(eq(subscribers.id, subscriber));
  return { factors: factor!, vault: vault!, person: person! };
}

t.test('activation', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson({ activate: false }) };
  };
  const begin = (world: TestSigner, { userID, halves }: TestPerson, changes = {}) =>
    world.call('activation.begin', { userID, halves, request: 'r', ...changes });

  await rulesOnBothEngines(t, {
    'design §3: the halves have 128 bits and 60 bits, and are read as people type them': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const bare = ({ email, sms }: TestPerson['halves']) => [email, sms].map((half) => half.replaceAll('-', ''));
      const [email, sms] = bare(person.halves);
      t.match(email, /^[0-9A-HJKMNP-TV-Z]{26}$/);
      t.match(sms, /^[0-9A-HJKMNP-TV-Z]{13}$/);
      const typed = (half: string) => ` ${half.toLowerCase().replace(/0/g, 'o').replace(/1/g, 'l')} `;
      await begin(world, person, { halves: { email: typed(email!), sms: typed(sms!) } });
    },

    'each half alone opens nothing; wrong ones are counted and end the activation at ten': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson({ activate: false });
      const { email, sms } = person.halves;
      const tries = [
        { ...person.halves, sms: wrongHalves.sms },
        { ...person.halves, email: wrongHalves.email },
        { email: sms, sms: email },
        { email, sms: other.halves.sms },
        other.halves,
      ];
      for (const halves of tries) await t.rejects(begin(world, person, { halves }), refused('activationInvalid'));
      t.equal((await rowsOf(world, person)).factors.activationFailures, 5);
      await begin(world, person);
      t.equal((await rowsOf(world, person)).factors.activationFailures, 0, 'the right ones clear the count');
      for (let n = 0; n < 5; n += 1) {
        await t.rejects(begin(world, person, { halves: wrongHalves }), refused('activationInvalid'));
        const complete = world.call('activation.complete', {
          ...{ userID: person.userID, halves: wrongHalves, pin: 'Xk3#9vLq', otp: '000000', request: 'r' },
        });
        await t.rejects(complete, refused('activationInvalid'));
      }
      await t.rejects(begin(world, person), refused('activationInvalid'), 'now the right ones are dead, too');
      t.equal((await rowsOf(world, person)).factors.activationFailures, 10, 'and the row is whole');
      await t.rejects(begin(world, person), refused('activationInvalid'));
    },

    'S42: of 50 parallel tries no more than ten are made': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const calls = Array.from({ length: 50 }, () => begin(world, person, { halves: wrongHalves }));
      const results = await Promise.allSettled(calls);
      t.ok(results.every((result) => result.status === 'rejected' && result.reason.kind === 'activationInvalid'));
      t.equal((await rowsOf(world, person)).factors.activationFailures, 10);
      const refusals = (await readLeaves(world.store)).filter(({ result }) => result === 'refused');
      t.equal(refusals.length, 10, 'ten were judged');
    },

    'a token that fails says nothing about the halves: the try is not counted': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      world.token.before = () => {
        throw new KysoError('tokenUnavailable');
      };
      for (let n = 0; n < 12; n += 1) await t.rejects(begin(world, person), refused('tokenUnavailable'));
      world.token.before = () => {};
      await begin(world, person);
    },

    'the activation data ends after 14 days': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await world.advance(14 * day - 60_000);
      await person.enrol();
      await world.advance(60_000);
      await t.rejects(begin(world, person), refused('activationInvalid'));
      await t.rejects(person.activate(), refused('activationInvalid'));
      t.equal((await rowsOf(world, person)).person.status, 'created');
    },

    'S44: an unknown user, wrong halves and an account that is past activation are refused alike': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const active = await world.newPerson();
      const wrong = (userID: string) => ({ userID, halves: wrongHalves, request: 'r' });
      for (const userID of ['nobody', person.userID, active.userID]) {
        await t.rejects(world.call('activation.begin', wrong(userID)), refused('activationInvalid'));
        const otp = '000000';
        // These PINs break a rule each; nobody who lacks the halves may learn that.
        for (const pin of ['short', 'x0900000001', userID.padEnd(8, 'x')])
          await t.rejects(
            world.call('activation.complete', { ...wrong(userID), pin, otp }),
            refused('activationInvalid'),
          );
      }
      t.equal((await rowsOf(world, active)).factors.pinFailures, 0);
    },

    'S46: with the right halves a bad PIN is refused by name, and neither code nor halves are used up': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      await person.enrol();
      const otp = await person.nextCode();
      await t.rejects(person.activate({ pin: '12345678', otp }), refused('pinRefused'));
      await person.activate({ otp });
      t.equal((await rowsOf(world, person)).person.status, 'active');
    },

    'without the enrolled app there is no activation': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await t.rejects(person.activate({ otp: '000000' }), refused('otpInvalid'), 'no seed yet');
      await person.enrol();
      const first = await person.nextCode();
      await person.enrol();
      await t.rejects(person.activate({ otp: first }), refused('otpInvalid'), 'the seed before');
      t.equal((await rowsOf(world, person)).vault.openedBy, 'activation');
      await person.activate();
    },

    'the same halves and PIN answer the same again; other ones do not, and a second activation is none': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      await person.enrol();
      const first = await person.activate();
      const { vault } = await rowsOf(world, person);
      t.same(await person.activate({ otp: '000000' }), first, 'the code does not count any more');
      await t.rejects(person.activate({ pin: 'another pin 26', otp: '000000' }), refused('pinInvalid'));
      await t.rejects(person.activate({ halves: wrongHalves, otp: '000000' }), refused('activationInvalid'));
      await t.rejects(begin(world, person), refused('activationInvalid'));
      t.same((await rowsOf(world, person)).vault, vault, 'nothing was sealed anew');
      const { pinFailures, activationFailures } = (await rowsOf(world, person)).factors;
      t.same({ pinFailures, activationFailures }, { pinFailures: 1, activationFailures: 0 });
      await person.activate({ otp: '000000' });
      t.equal((await rowsOf(world, person)).factors.pinFailures, 0);
    },

    'the halves are dead as keys afterwards': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const secret = activationSecret(person.halves);
      const opened = async () => {
        const vault = await world.signer.rows.vaults.find(world.store.read, { subscriber: person.subscriber });
        return openVault(world.signer, vault!, secret, async () => {});
      };
      t.ok(await opened(), 'before, they open the vault');
      await person.enrol();
      await person.activate();
      t.equal(await opened(), undefined);
    },

    'S41: the code of the enrolment does not authorize': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await person.enrol();
      const otp = await person.nextCode();
      await person.activate({ otp });
      await t.rejects(person.authorize(randomHashes(1), { otp }), refused('otpInvalid'));
      t.equal((await rowsOf(world, person)).factors.otpFailures, 0);
    },

    'of 20 parallel completions exactly one has an effect, also with different PINs': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await person.enrol();
      const otp = await person.nextCode();
      const pins = Array.from({ length: 20 }, (_, n) => `a pin of mine ${n}`);
      const results = await Promise.allSettled(pins.map((pin) => person.activate({ pin, otp })));
      const done = results.flatMap(({ status }, n) => (status === 'fulfilled' ? [pins[n]!] : []));
      t.equal(done.length, 1);
      t.equal((await readLeaves(world.store)).filter(({ event }) => event === 'activation.completed').length, 1);
      person.pin = done[0]!;
      const [hash] = randomHashes(1);
      t.equal((await person.signHash(await person.authorize([hash!]), [hash!])).length, 1);
    },

    'of two completions with a good code each, the one that commits first counts': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await person.enrol();
      const otp = await person.nextCode();
      let calls = 0;
      world.token.before = async () => {
        calls += 1;
        if (calls !== 3) return;
        // The third call seals the vault under the PIN of the first completion: the second is faster.
        world.token.before = () => {};
        await person.activate({ otp: person.code(1) });
      };
      await t.rejects(person.activate({ otp, pin: 'another pin 26' }), refused('activationInvalid'));
      t.equal(
        (await person.authorize(randomHashes(1), { otp: await person.nextCode().then(person.nextCode) })).length,
        43,
      );
    },

    'a begin that overtakes a completion cannot change the seed of an active account': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await person.enrol();
      const otp = await person.nextCode();
      let calls = 0;
      world.token.before = async () => {
        calls += 1;
        if (calls !== 2) return;
        // The first call opened the vault, the second is for the new seed: in between the activation is completed.
        world.token.before = () => {};
        await person.activate({ otp });
      };
      await t.rejects(begin(world, person), refused('activationInvalid'));
      t.equal((await person.authorize(randomHashes(1))).length, 43, 'the app still has the right seed');
    },

    'a seed that was made while a code of the one before was judged stops that completion': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await person.enrol();
      const otp = await person.nextCode();
      let calls = 0;
      world.token.before = async () => {
        calls += 1;
        if (calls !== 3) return;
        // The first call opened the vault, the second the seed, and the third seals the vault under the PIN.
        world.token.before = () => {};
        await person.enrol();
      };
      await t.rejects(person.activate({ otp }), refused('otpInvalid'));
      await person.activate();
      t.equal((await person.authorize(randomHashes(1))).length, 43);
    },

    'a completion whose commit fails changes nothing; the next one works': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await person.enrol();
      const before = await rowsOf(world, person);
      const otp = await person.nextCode();
      world.store.failWrite(4, 'rolledBack');
      await t.rejects(person.activate({ otp }), refused('unavailable'));
      const after = await rowsOf(world, person);
      t.same([after.vault, after.person], [before.vault, before.person]);
      await person.activate();
      t.equal((await rowsOf(world, person)).vault.openedBy, 'pin');
    },
  });
});
