import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { eq } from '../../src/store/drizzle.ts';
import { outcomes } from '../helpers/outcomes.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import {
  codeAt,
  newSigner,
  randomHashes,
  readLeaves,
  signerToken,
  type TestPerson,
  type TestSigner,
} from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const request = 'r';
const wrongCode = codeAt('A'.repeat(32), 0);

const attest = (world: TestSigner, { userID }: { userID: string }, attestedBy = 'Phòng Tổ chức') =>
  world.call('totpMove.attest', { userID, attestedBy });
const begin = (world: TestSigner, { subscriber, pin }: TestPerson, changes = {}) =>
  world.call('totpMove.begin', { subscriber, pin, request, ...changes });
const confirm = (world: TestSigner, { subscriber }: TestPerson, otp: string) =>
  world.call('totpMove.confirm', { subscriber, otp, request });
const cancel = (world: TestSigner, { subscriber }: TestPerson) =>
  world.call('totpMove.cancel', { subscriber, request });
const moveOf = async (world: TestSigner, { subscriber }: TestPerson) =>
  (await world.call('account.status', { subscriber })).totpMove;
const events = async ({ store }: TestSigner) =>
  (await readLeaves(store)).map(({ event }) => String(event)).filter((event) => event.startsWith('totpMove.'));

/** Attested and begun; answers the new seed. */
async function begun(world: TestSigner, person: TestPerson): Promise<string> {
  await attest(world, person);
  return (await begin(world, person)).totpSecret;
}

async function factorsOf({ store }: TestSigner, { subscriber }: TestPerson) {
  const { factors } = store.read.t;
  const [row] = await store.read.db.select().from(factors).where(eq(factors.subscriber, subscriber));
  return row!;
}

/** The message of this template came to mailbox and phone. */
async function toldBoth(t: Test, { notify }: TestSigner, template: Parameters<typeof notify.sent>[0], who: TestPerson) {
  for (const to of [who.email, who.phone]) t.equal((await notify.sent(template, to)).to, to, `${template} to ${to}`);
}

t.test('moving the authenticator app to a new phone', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };

  await rulesOnBothEngines(t, {
    'S47: attested, begun with the PIN, confirmed by the new app, it counts a day later; both contacts are told each time':
      async (t, stores) => {
        const { world, person } = await setUp(t, stores);
        const now = world.clock.now();
        t.same(await attest(world, person), { expiresAt: now + 14 * day });
        t.same(await moveOf(world, person), { expiresAt: now + 14 * day });
        await world.advance(1);
        const { totpSecret, otpauthUri } = await begin(world, person);
        t.match(otpauthUri, `secret=${totpSecret}`);
        t.notSame(totpSecret, person.totpSecret);
        await toldBoth(t, world, 'totpMoveBegun', person);

        await world.advance(30_000);
        const code = codeAt(totpSecret, world.clock.now());
        const { effectiveAt } = await confirm(world, person, code);
        t.equal(effectiveAt, world.clock.now() + day);
        t.match(await moveOf(world, person), { effectiveAt });
        await toldBoth(t, world, 'totpMoveConfirmed', person);
        const { values } = await world.notify.sent('totpMoveConfirmed', person.phone);
        t.match(values.effectiveAt, /^\d\d:\d\d:\d\d \d\d\/\d\d\/2026$/);

        await world.advance(effectiveAt - world.clock.now() - 1);
        await upkeep(world.signer);
        await t.rejects(
          person.authorize(randomHashes(1), { otp: codeAt(totpSecret, world.clock.now()) }),
          refused('otpInvalid'),
          'a millisecond before, the new app does not count',
        );
        await person.authorize(randomHashes(1), { otp: person.code() });

        await world.advance(1);
        await upkeep(world.signer);
        await toldBoth(t, world, 'totpMoved', person);
        t.equal(await moveOf(world, person), undefined);
        await t.rejects(person.authorize(randomHashes(1)), refused('otpInvalid'), 'now the old one does not');
        person.totpSecret = totpSecret;
        await person.authorize(randomHashes(1));
        t.same(
          await events(world),
          ['attested', 'begun', 'confirmed', 'finished'].map((name) => `totpMove.${name}`),
        );
        const [leaf] = (await readLeaves(world.store)).filter(({ event }) => event === 'totpMove.attested');
        t.match(leaf, { actor: 'operator', subscriber: person.subscriber, detail: { attestedBy: 'Phòng Tổ chức' } });
      },

    'the PIN alone moves nothing: without a live attestation it is not even tried': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      await attest(world, other);
      await t.rejects(begin(world, person), refused('moveNotAllowed'));
      await t.rejects(begin(world, person, { pin: 'not the right one' }), refused('moveNotAllowed'));
      t.equal((await factorsOf(world, person)).pinFailures, 0);
      await attest(world, person);
      await world.advance(14 * day);
      await t.rejects(begin(world, person), refused('moveNotAllowed'), 'after 14 days');
      t.equal(await moveOf(world, person), undefined);
      await attest(world, person);
      await begin(world, person);
    },

    'the attestation alone moves nothing: S42: of 200 parallel wrong PINs five are tried': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await attest(world, person);
      const calls = Array.from({ length: 200 }, (_, n) => begin(world, person, { pin: `wrong pin ${n}` }));
      t.same(await outcomes(calls), { pinInvalid: 5, pinLocked: 195 });
      await t.rejects(confirm(world, person, wrongCode), refused('moveNotAllowed'), 'and nothing was begun');
      await world.advance(minute);
      await begin(world, person);
      t.equal((await factorsOf(world, person)).pinFailures, 0);
    },

    'only a person who has activated an account is attested, by somebody with a name': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const fresh = await world.newPerson({ activate: false });
      await t.rejects(attest(world, { userID: 'nobody' }), refused('requestInvalid'));
      await t.rejects(attest(world, fresh), refused('requestInvalid'));
      await t.rejects(attest(world, person, '  '), refused('requestInvalid'));
      t.same(await events(world), []);
      t.same(await outcomes(Array.from({ length: 10 }, () => attest(world, person))), { done: 10 });
    },

    'S42: of 200 parallel wrong codes of the new app five are judged, and the lock holds for both apps': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const totpSecret = await begun(world, person);
      const calls = Array.from({ length: 200 }, () => confirm(world, person, wrongCode));
      t.same(await outcomes(calls), { otpInvalid: 5, otpLocked: 195 });
      t.equal((await factorsOf(world, person)).otpFailures, 5);
      const right = () => codeAt(totpSecret, world.clock.now());
      await t.rejects(confirm(world, person, right()), refused('otpLocked'));
      await t.rejects(person.authorize(randomHashes(1)), refused('otpLocked'));
      await world.advance(minute);
      await confirm(world, person, right());
    },

    'S42: a right code of the new app does not clear what was guessed at the old one': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const totpSecret = await begun(world, person);
      for (let n = 0; n < 4; n += 1)
        await t.rejects(person.authorize(randomHashes(1), { otp: wrongCode }), refused('otpInvalid'));
      await confirm(world, person, codeAt(totpSecret, world.clock.now()));
      t.equal((await factorsOf(world, person)).otpFailures, 4);
    },

    'a code of the old app does not confirm, and one of the new app does not sign before its time': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const totpSecret = await begun(world, person);
      await t.rejects(confirm(world, person, await person.nextCode()), refused('otpInvalid'));
      const otp = codeAt(totpSecret, world.clock.now());
      await t.rejects(person.authorize(randomHashes(1), { otp }), refused('otpInvalid'));
      t.notMatch(await moveOf(world, person), { effectiveAt: Number });
    },

    'confirmed again, the day does not begin anew; of 20 parallel confirmations one is told': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const totpSecret = await begun(world, person);
      const otp = codeAt(totpSecret, world.clock.now());
      const answers = await Promise.all(Array.from({ length: 20 }, () => confirm(world, person, otp)));
      const [first] = answers;
      t.same(new Set(answers.map(({ effectiveAt }) => effectiveAt)), new Set([first!.effectiveAt]));
      await world.advance(hour);
      t.same(await confirm(world, person, codeAt(totpSecret, world.clock.now())), first);
      t.equal((await events(world)).filter((event) => event === 'totpMove.confirmed').length, 1);
    },

    'S41: the code that confirmed is used up, should the app count before its step is over': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const totpSecret = await begun(world, person);
      // A step that the old app has not used.
      await world.advance(60_000);
      const otp = codeAt(totpSecret, world.clock.now());
      await confirm(world, person, otp);
      // A day is longer than any code lives: only a row that says otherwise shows the rule.
      const { signer } = world;
      await world.store.write(async (tx) => {
        const move = await signer.rows.totpMoves.lock(tx, { subscriber: person.subscriber });
        await signer.rows.totpMoves.replace(tx, move!, { effectiveAt: world.clock.now() });
      });
      await upkeep(signer);
      person.totpSecret = totpSecret;
      await t.rejects(person.authorize(randomHashes(1), { otp }), refused('otpInvalid'));
      t.equal((await factorsOf(world, person)).otpFailures, 0, 'as a replay');
      await person.authorize(randomHashes(1));
    },

    'S47: cancelled at any time before, the old app stays and the attestation is used up': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await t.rejects(cancel(world, person), refused('moveNotAllowed'), 'there is nothing to cancel');
      const totpSecret = await begun(world, person);
      await cancel(world, person);
      await toldBoth(t, world, 'totpMoveCancelled', person);
      await t.rejects(confirm(world, person, codeAt(totpSecret, world.clock.now())), refused('moveNotAllowed'));
      await t.rejects(begin(world, person), refused('moveNotAllowed'));

      const second = await begun(world, person);
      const { effectiveAt } = await confirm(world, person, codeAt(second, world.clock.now()));
      await world.advance(effectiveAt - world.clock.now() - 1);
      await cancel(world, person);
      await world.advance(day);
      await upkeep(world.signer);
      await person.authorize(randomHashes(1));
      await t.rejects(cancel(world, person), refused('moveNotAllowed'));
    },

    'too late, a cancel says so': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const totpSecret = await begun(world, person);
      await confirm(world, person, codeAt(totpSecret, world.clock.now()));
      await world.advance(day);
      await upkeep(world.signer);
      await t.rejects(cancel(world, person), refused('moveNotAllowed'));
    },

    'begun again, only the newest seed counts and the day begins anew': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const first = await begun(world, person);
      await confirm(world, person, codeAt(first, world.clock.now()));
      const second = (await begin(world, person)).totpSecret;
      t.notMatch(await moveOf(world, person), { effectiveAt: Number });
      await t.rejects(confirm(world, person, codeAt(first, world.clock.now())), refused('otpInvalid'));
      await world.advance(day);
      await upkeep(world.signer);
      await person.authorize(randomHashes(1));
      await confirm(world, person, codeAt(second, world.clock.now()));
    },

    'a new attestation ends the move that was under way, and the holder hears of that': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const totpSecret = await begun(world, person);
      await confirm(world, person, codeAt(totpSecret, world.clock.now()));
      await attest(world, person);
      await toldBoth(t, world, 'totpMoveCancelled', person);
      await t.rejects(confirm(world, person, codeAt(totpSecret, world.clock.now())), refused('moveNotAllowed'));
      await world.advance(day);
      await upkeep(world.signer);
      await person.authorize(randomHashes(1));
    },

    'a begin that overtakes a confirmation: the seed that was proven is not the one that counts': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const totpSecret = await begun(world, person);
      world.token.before = async () => {
        world.token.before = () => {};
        await begin(world, person);
      };
      await t.rejects(confirm(world, person, codeAt(totpSecret, world.clock.now())), refused('moveNotAllowed'));
      t.notMatch(await moveOf(world, person), { effectiveAt: Number });
    },

    'S63: while the clock is in doubt nothing is confirmed and no app is exchanged': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      const totpSecret = await begun(world, person);
      await confirm(world, person, codeAt(totpSecret, world.clock.now()));
      const otherSecret = await begun(world, other);
      world.clock.step(2 * day);
      await t.rejects(confirm(world, other, codeAt(otherSecret, world.clock.now())), refused('clockUntrusted'));
      await world.advance(day);
      await upkeep(world.signer);
      t.match(await moveOf(world, person), { effectiveAt: Number });
    },

    'S67: two signers on one store exchange an app once; a failed commit leaves the old one': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const totpSecret = await begun(world, person);
      await confirm(world, person, codeAt(totpSecret, world.clock.now()));
      await world.advance(day);
      // Whichever of upkeep's writes it is.
      for (let nth = 1; nth <= 12; nth += 1) world.store.failWrite(nth, 'rolledBack');
      await t.rejects(upkeep(world.signer), refused('unavailable'));
      world.store.mend();
      t.match(await moveOf(world, person), { effectiveAt: Number });
      const second = await world.again({ instance: 'signer-2' });
      await Promise.all([upkeep(world.signer), upkeep(second.signer)]);
      await toldBoth(t, world, 'totpMoved', person);
      t.equal((await events(world)).filter((event) => event === 'totpMove.finished').length, 1);
      t.equal(
        world.notify.messages.filter(({ template }) => template === 'totpMoved').length,
        2,
        'one to each contact',
      );
    },

    'S47, design §7: a seed that was put into the store by hand is noticed, and others are served': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      for (const one of [person, other]) {
        const secret = await begun(world, one);
        await confirm(world, one, codeAt(secret, world.clock.now()));
      }
      const { totpMoves } = world.store.read.t;
      const { sealedTotp } = await factorsOf(world, other);
      await world.store.write((tx) =>
        tx.db.update(totpMoves).set({ sealedTotp }).where(eq(totpMoves.subscriber, person.subscriber)),
      );
      await world.advance(day);
      await t.rejects(upkeep(world.signer), refused('integrity'));
      await person.authorize(randomHashes(1));
      await t.rejects(other.authorize(randomHashes(1)), refused('otpInvalid'), 'the move of the other took place');
    },
  });
});
