import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { authorizationOf } from '../helpers/ledger.ts';
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

const request = 'r';
const freeze = (world: TestSigner, { subscriber }: TestPerson) => world.call('account.freeze', { subscriber, request });
const statusOf = (world: TestSigner, { subscriber }: TestPerson) => world.call('account.status', { subscriber });
const unfreeze = async (world: TestSigner, person: TestPerson, changes: { pin?: string; otp?: string } = {}) => {
  const { subscriber, pin } = person;
  const otp = changes.otp ?? (await person.nextCode());
  return world.call('account.unfreeze', { subscriber, pin, request, ...changes, otp });
};
const events = async ({ store }: TestSigner, event: string) =>
  (await readLeaves(store)).filter((leaf) => leaf.event === event && leaf.result === 'done');

t.test('an account in the hand of its holder', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };

  await rulesOnBothEngines(t, {
    'S47: a new login password is told to its holder, and stands in the own history': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const { subscriber } = person;
      await world.advance(1);
      await world.call('account.passwordChange', { subscriber, request });
      t.equal((await world.notify.sent('passwordChanged')).to, person.email);
      t.match(await events(world, 'password.changed'), [{ subscriber, request, actor: 'api' }]);
      const { entries } = await world.call('account.history', { subscriber, limit: 1 });
      t.match(entries, [{ event: 'password.changed', result: 'done' }]);
      await t.rejects(world.call('account.passwordChange', { subscriber: 'nobody', request }), refused('integrity'));
    },

    'the status says who it is, what is locked, and nothing else': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const fresh = await world.newPerson({ activate: false });
      t.same(await statusOf(world, person), {
        ...{ userID: person.userID, name: 'Nguyễn Thị Ánh', status: 'active' },
        ...{ pinLockedUntil: 0, otpLockedUntil: 0 },
      });
      t.match(await statusOf(world, fresh), { userID: fresh.userID, status: 'created' });
      const wrong = { subscriber: person.subscriber, pin: 'a wrong pin', newPin: 'x', request };
      await outcomes(Array.from({ length: 5 }, () => world.call('account.changePin', wrong)));
      t.match(await statusOf(world, person), { pinLockedUntil: world.clock.now() + 60_000 });
      await t.rejects(world.call('account.status', { subscriber: 'nobody' }), refused('integrity'));
    },

    'S10: freeze: signing is off with its commit, the SADs given before are void and hold no key any more': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      const hashes = randomHashes(3);
      const sads = [await person.authorize(hashes), await person.authorize(hashes)];
      await person.signHash(sads[0]!, hashes.slice(0, 1));
      const otherSad = await other.authorize(hashes);
      await freeze(world, person);
      for (const sad of sads) {
        const row = await authorizationOf(world, sad);
        t.same([row?.remaining, row?.open, row?.sealedDek], [0, 0, null]);
        await t.rejects(person.signHash(sad, hashes.slice(1, 2)), refused('sadInvalid'));
        await t.rejects(person.extend(sad), refused('sadInvalid'));
      }
      t.equal(world.token.signed.length, 1, 'only what was signed before');
      t.equal((await other.signHash(otherSad, hashes)).length, 3, 'somebody else goes on');
      await upkeep(world.signer);
      const [{ detail }] = (await events(world, 'account.frozen')) as [{ detail: object }];
      t.same(detail, { authorizations: 2 });
    },

    'freeze: no new SAD, and neither factor is asked': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const otp = await person.nextCode();
      await freeze(world, person);
      await t.rejects(person.authorize(randomHashes(1), { otp, pin: 'wrong' }), refused('credentialDisabled'));
      await unfreeze(world, person, { otp });
    },

    'freeze is not hold: the key is disabled, the certificate stays valid': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const { subscriber, credentialID } = person;
      const info = () => world.call('credentials.info', { subscriber, credentialID });
      t.match(await info(), { keyStatus: 'enabled', certStatus: 'valid' });
      await freeze(world, person);
      t.match(await info(), { keyStatus: 'disabled', certStatus: 'valid' });
      await unfreeze(world, person);
      t.match(await info(), { keyStatus: 'enabled', certStatus: 'valid' });
    },

    'freeze twice is freeze once; who never activated has nothing to freeze': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const fresh = await world.newPerson({ activate: false });
      t.same(await outcomes(Array.from({ length: 20 }, () => freeze(world, person))), { done: 20 });
      t.match(await statusOf(world, person), { status: 'frozen' });
      t.equal((await events(world, 'account.frozen')).length, 1);
      await t.rejects(freeze(world, fresh), refused('activationInvalid'));
      await fresh.enrol();
      await fresh.activate();
      t.match(await statusOf(world, fresh), { status: 'active' });
      await world.notify.sent('activated', fresh.email);
      t.equal(world.notify.messages.filter(({ template }) => template === 'frozen').length, 1, 'one notice');
      t.equal((await world.notify.sent('frozen')).to, person.email);
    },

    'S59, S67: a freeze whose commit fails leaves everything as it was, with no notice': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      world.store.failWrite(1, 'rolledBack');
      await t.rejects(freeze(world, person), refused('unavailable'));
      t.match(await statusOf(world, person), { status: 'active' });
      t.equal((await person.signHash(sad, [hash!])).length, 1);
      await world.notify.sent('signed', person.email);
      t.notOk(world.notify.messages.some(({ template }) => template === 'frozen'));
    },

    'S1: unfreeze asks for a code, then for the PIN, and without both the account stays frozen': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      await freeze(world, person);
      const pin = 'not the right one';
      await t.rejects(unfreeze(world, person, { otp: '12345a' }), refused('otpInvalid'));
      await t.rejects(unfreeze(world, person, { otp: '12345a', pin }), refused('otpInvalid'), 'the code comes first');
      await t.rejects(unfreeze(world, person, { pin }), refused('pinInvalid'));
      await t.rejects(unfreeze(world, person, { pin: other.pin }), refused('pinInvalid'));
      await t.rejects(unfreeze(world, person, { otp: await other.nextCode() }), refused('otpInvalid'));
      t.match(await statusOf(world, person), { status: 'frozen' });
      const otp = await person.nextCode();
      await unfreeze(world, person, { otp });
      t.match(await statusOf(world, person), { status: 'active' });
      await t.rejects(person.authorize(randomHashes(1), { otp }), refused('otpInvalid'), 'S41: the code is used up');
      t.equal((await world.notify.sent('unfrozen')).to, person.email);
      t.equal((await events(world, 'account.unfrozen')).length, 1);
      await person.authorize(randomHashes(1));
    },

    'S42: wrong PINs of unfreeze count like any other': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await freeze(world, person);
      for (let n = 0; n < 5; n += 1)
        await t.rejects(unfreeze(world, person, { pin: 'not the right one' }), refused('pinInvalid'));
      await t.rejects(unfreeze(world, person), refused('pinLocked'));
      await world.advance(60_000);
      await unfreeze(world, person);
      t.match(await statusOf(world, person), { status: 'active', pinLockedUntil: 0 }, 'the right one clears the count');
    },

    'unfreeze gives nothing to a person who never activated, not even with the halves as PIN': async (t, stores) => {
      const { world } = await setUp(t, stores);
      const fresh = await world.newPerson({ activate: false });
      await fresh.enrol();
      const bare = (half: string) => half.replaceAll('-', '');
      const pin = `${bare(fresh.halves.email)}|${bare(fresh.halves.sms)}`;
      await t.rejects(unfreeze(world, fresh, { pin }), refused('activationInvalid'));
      t.match(await statusOf(world, fresh), { status: 'created' });
    },

    'unfreezing an active account changes nothing and tells nobody': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      await unfreeze(world, person);
      t.same(await events(world, 'account.unfrozen'), []);
      await freeze(world, person);
      await world.notify.sent('frozen', person.email);
      t.notOk(world.notify.messages.some(({ template }) => template === 'unfrozen'));
    },

    'S63: with a clock that stepped nothing is unfrozen, but freezing works': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      world.clock.step(120_000);
      await freeze(world, person);
      await t.rejects(unfreeze(world, person), refused('clockUntrusted'));
    },

    'S10: a SAD that is made while its holder freezes the account is not made, or void': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const [hash] = randomHashes(1);
      for (let n = 0; n < 6; n += 1) {
        const otp = await person.nextCode();
        const [made] = await Promise.allSettled([person.authorize([hash!], { otp }), freeze(world, person)]);
        if (made.status === 'fulfilled') {
          t.equal((await authorizationOf(world, made.value))?.sealedDek, null);
          await t.rejects(person.signHash(made.value, [hash!]), refused('sadInvalid'));
        } else t.equal(made.reason.kind, 'credentialDisabled');
        await unfreeze(world, person);
        if (made.status === 'fulfilled')
          await t.rejects(person.signHash(made.value, [hash!]), refused('sadInvalid'), 'also after the unfreeze');
      }
    },

    'S10: of a freeze and signings in parallel, each signing is wholly before or refused': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const hashes = randomHashes(30);
      const sad = await person.authorize(hashes);
      const calls = hashes.map((hash) => person.signHash(sad, [hash]));
      calls.splice(15, 0, freeze(world, person) as unknown as Promise<Buffer[]>);
      const { done = 0, ...others } = await outcomes(calls);
      t.ok(
        Object.keys(others).every((kind) => ['sadInvalid', 'credentialDisabled'].includes(kind)),
        others,
      );
      t.equal(world.token.signed.length, done - 1, 'what was refused did not reach the token');
      t.equal((await authorizationOf(world, sad))?.remaining, 0);
    },
  });
});
