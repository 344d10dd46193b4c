import t, { type Test } from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { outcomes } from '../helpers/outcomes.ts';
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
import { until } from '../helpers/until.ts';

const minute = 60_000;

/** A code that is not this one. */
const another = (code: string, by = 1) => String((Number(code) + by) % 1_000_000).padStart(6, '0');

async function rowsOf({ store, signer }: TestSigner, { subscriber, credentialID }: TestPerson) {
  const factors = await signer.rows.factors.find(store.read, { subscriber });
  const code = await signer.rows.oneTimeCodes.find(store.read, { credential: credentialID });
  return { factors: factors!, code };
}

const sentTo = ({ notify }: TestSigner, { email }: TestPerson) =>
  notify.messages.filter(({ template, to }) => template === 'oneTimeCode' && to === email);

t.test('one-time codes by e-mail', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson({ otp: 'email' }) };
  };
  const authorize = (person: TestPerson, otp: string, changes = {}) =>
    person.authorize(randomHashes(1), { otp, ...changes });

  await rulesOnBothEngines(t, {
    'S45: a code goes by e-mail to the holder, and with it and the PIN the key signs': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const { caller, credentialID, email } = person;
      t.same(await world.call('credentials.sendOTP', { ...caller, credentialID }), {}, 'the answer holds nothing');
      const { channel, values, expiresAt } = await world.notify.sent('oneTimeCode', email);
      t.equal(channel, 'email');
      t.match(values, { code: /^[0-9]{6}$/, minutes: '5', client: 'direct', name: 'Nguyễn Thị Ánh' });
      t.equal(expiresAt, world.clock.now() + 5 * minute, 'nobody delivers it later');
      const leaf = (await readLeaves(world.store)).find(({ event }) => event === 'otp.sent');
      const detail = { grant: caller.grant };
      t.match(leaf, {
        actor: 'direct',
        result: 'done',
        subscriber: person.subscriber,
        credential: credentialID,
        detail,
      });
      t.notOk(JSON.stringify(leaf).includes(`"${values.code}"`));
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!], { otp: values.code! });
      t.equal((await person.signHash(sad, [hash!])).length, 1);
    },

    'S45: only a credential with such codes has one sent, and each kind of code is good for its own kind': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const byApp = await person.newCredential({ otp: 'totp' });
      await t.rejects(byApp.sendCode(), refused('otpNotOnline'));
      const code = await person.sendCode();
      await t.rejects(authorize(byApp, code), refused('otpInvalid'));
      await t.rejects(authorize(person, await person.nextCode()), refused('otpInvalid'));
      await authorize(person, code);
      t.equal(sentTo(world, person).length, 1);
    },

    'S10, S19: nothing is sent for a credential that is blocked, ended, unknown or not theirs': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const ending = await person.newCredential({ otp: 'email', notAfter: world.clock.now() + minute });
      const other = await world.newPerson({ otp: 'email' });
      const { credentialID } = person;
      await world.obey({ kind: 'block', credentialID, blocked: true, reason: 'test' });
      await world.advance(minute);
      const send = (id: string) => world.call('credentials.sendOTP', { ...person.caller, credentialID: id });
      await t.rejects(send(credentialID), refused('credentialDisabled'));
      await t.rejects(send(ending.credentialID), refused('certificateExpired'));
      await t.rejects(send(other.credentialID), refused('credentialUnknown'));
      await t.rejects(send('unknown'), refused('credentialUnknown'));
      await other.sendCode();
      t.same([sentTo(world, person).length, sentTo(world, other).length], [0, 1]);
    },

    'S45: one code in 30 seconds and five in 15 minutes': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await person.sendCode();
      await world.advance(29_999);
      await t.rejects(person.sendCode(), refused('tooManyRequests'));
      await world.advance(1);
      for (let sends = 1; sends < 5; sends += 1) {
        await person.sendCode();
        await world.advance(minute);
      }
      await t.rejects(person.sendCode(), refused('tooManyRequests'), 'the sixth');
      await world.advance(15 * minute - 4 * minute - 30_001);
      await t.rejects(person.sendCode(), refused('tooManyRequests'));
      await world.advance(1);
      await person.sendCode();
      t.equal(sentTo(world, person).length, 6);
    },

    'S45: of 50 parallel requests exactly one has a code sent, the first one and a later one': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const { caller, credentialID } = person;
      for (const round of [1, 2]) {
        const send = () => world.call('credentials.sendOTP', { ...caller, credentialID });
        t.same(await outcomes(Array.from({ length: 50 }, send)), { done: 1, tooManyRequests: 49 });
        await world.advance(30_000);
        t.equal((await rowsOf(world, person)).code?.sends, round);
      }
      await until(() => sentTo(world, person).length === 2);
      t.equal((await readLeaves(world.store)).filter(({ event }) => event === 'otp.sent').length, 2);
    },

    'S45: a new code ends the one before': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const first = await person.sendCode();
      await world.advance(30_000);
      const second = await person.sendCode();
      await t.rejects(authorize(person, first), refused('otpInvalid'));
      await authorize(person, second);
    },

    'S45: a code is good for five minutes': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      for (const [wait, good] of [
        [299_999, true],
        [300_000, false],
      ] as const) {
        const code = await person.sendCode();
        await world.advance(wait);
        if (good) await authorize(person, code);
        else await t.rejects(authorize(person, code), refused('otpInvalid'));
      }
    },

    'S45: a code is bound to its credential and its login, and to nobody else': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const second = await person.newCredential({ otp: 'email' });
      const other = await world.newPerson({ otp: 'email' });
      await second.sendCode();
      await other.sendCode();
      const code = await person.sendCode();
      await t.rejects(authorize(second, code), refused('otpInvalid'), 'another credential');
      await t.rejects(authorize(person, code, { grant: 'another' }), refused('otpInvalid'), 'another login');
      await t.rejects(authorize(other, code), refused('otpInvalid'), 'somebody else');
      await authorize(person, code);
    },

    'S41: of 50 parallel authorizations with one code exactly one goes on; the others are no wrong guesses': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const code = await person.sendCode();
      const counts = await outcomes(Array.from({ length: 50 }, () => authorize(person, code)));
      t.same(counts, { done: 1, otpInvalid: 49 });
      t.equal((await rowsOf(world, person)).factors.otpFailures, 0);
      t.equal((await world.store.read.db.select().from(world.store.read.t.authorizations)).length, 1);
      await t.rejects(authorize(person, code), refused('otpInvalid'), 'and later on, too');
      t.equal((await rowsOf(world, person)).factors.otpFailures, 0);
      await t.rejects(authorize(person, another(code)), refused('otpInvalid'));
      t.equal((await rowsOf(world, person)).factors.otpFailures, 1, 'but a wrong one is');
    },

    'S41: a right code that a wrong PIN follows is used up': async (t, stores) => {
      const { person } = await setUp(t, stores);
      const code = await person.sendCode();
      await t.rejects(authorize(person, code, { pin: 'not the right one' }), refused('pinInvalid'));
      await t.rejects(authorize(person, code), refused('otpInvalid'));
    },

    'S42: of 200 parallel wrong codes no more are judged than the limit allows': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const code = await person.sendCode();
      const counts = await outcomes(Array.from({ length: 200 }, (_, n) => authorize(person, another(code, n + 1))));
      t.same(counts, { otpInvalid: 5, otpLocked: 195 });
      const { factors, code: row } = await rowsOf(world, person);
      t.same([factors.otpFailures, factors.otpLockedUntil], [5, world.clock.now() + minute]);
      t.equal(row!.tries, 5);
      await t.rejects(authorize(person, code), refused('otpLocked'), 'nor the right one');
      await t.rejects(person.sendCode(), refused('otpLocked'), 'and none is sent');
      await world.advance(minute);
      await t.rejects(authorize(person, code), refused('otpInvalid'), 'that code had its five tries');
      await world.advance(5 * minute);
      await authorize(person, await person.sendCode());
      t.equal((await rowsOf(world, person)).factors.otpFailures, 0, 'a right one clears the count');
    },

    'S45: a code is good for five tries, also when the account has no lock': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const byApp = await person.newCredential({ otp: 'totp' });
      const code = await person.sendCode();
      for (const tries of [3, 2]) {
        for (let n = 1; n <= tries; n += 1) await t.rejects(authorize(person, another(code, n)), refused('otpInvalid'));
        await byApp.authorize(randomHashes(1));
        t.equal((await rowsOf(world, person)).factors.otpFailures, 0);
      }
      await t.rejects(authorize(person, code), refused('otpInvalid'));
      t.equal((await rowsOf(world, person)).factors.otpFailures, 1);
    },

    'S42: a try is counted before its answer is known, and a token that fails counts nothing': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const code = await person.sendCode();
      world.token.before = () => {
        throw new KysoError('tokenUnavailable');
      };
      for (let n = 0; n < 6; n += 1) await t.rejects(authorize(person, another(code)), refused('tokenUnavailable'));
      world.token.before = () => {};
      t.equal((await rowsOf(world, person)).factors.otpFailures, 0);
      for (const fault of ['refused', 'rolledBack'] as const) {
        world.store.failWrite(1, fault);
        await t.rejects(authorize(person, code), refused('unavailable'), 'what is not recorded is not answered');
      }
      world.store.failWrite(1, 'answerLost');
      await t.rejects(authorize(person, code), refused('unavailable'));
      await t.rejects(authorize(person, code), refused('otpInvalid'), 'it may be used up, so it is');
    },

    'S87: a code whose commit fails is not sent, and does not count for the throttle': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      world.store.failWrite(1, 'rolledBack');
      await t.rejects(person.sendCode(), refused('unavailable'));
      await authorize(person, await person.sendCode());
      t.equal(sentTo(world, person).length, 1);
    },

    'S45: while notify is away the code waits here, sealed, and goes out afterwards': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      world.notify.away = true;
      const { caller, credentialID } = person;
      await world.call('credentials.sendOTP', { ...caller, credentialID });
      const [notice] = await world.store.read.db.select().from(world.store.read.t.notices);
      t.ok(notice);
      world.notify.away = false;
      const { values } = await world.notify.sent('oneTimeCode', person.email);
      t.notOk(notice!.sealed.includes(values.code!));
      await authorize(person, values.code!);
    },
  });
});
