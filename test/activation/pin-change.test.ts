import t, { type Test } from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { eq } from '../../src/store/drizzle.ts';
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

const newPin = 'a new pin 2026';
const change = (world: TestSigner, { subscriber, pin }: TestPerson, changes = {}) =>
  world.call('account.changePin', { subscriber, pin, newPin, request: 'r', ...changes });

async function rowsOf({ store }: TestSigner, { subscriber }: TestPerson) {
  const { factors, vaults } = store.read.t;
  const [factor] = await store.read.db.select().from(factors).where(eq(factors.subscriber, subscriber));
  const [vault] = await store.read.db.select().from(vaults).where(eq(vaults.subscriber, subscriber));
  return { factors: factor!, vault: vault! };
}

t.test('changing the PIN', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };

  await rulesOnBothEngines(t, {
    'S47: the old PIN opens the vault, which is sealed anew for all keys; the old one is dead, the holder is told':
      async (t, stores) => {
        const { world, person } = await setUp(t, stores);
        const second = await person.newCredential({ keyType: 'RSA-2048' });
        const before = (await rowsOf(world, person)).vault;
        await change(world, person);
        const after = (await rowsOf(world, person)).vault;
        t.ok(after.publicKey.equals(before.publicKey), 'the same vault');
        t.notOk(after.sealedPrivate.equals(before.sealedPrivate) || after.salt.equals(before.salt));
        for (const one of [person, second]) {
          const [hash] = randomHashes(1);
          await t.rejects(one.authorize([hash!]), refused('pinInvalid'), 'the old PIN');
          t.equal((await one.signHash(await one.authorize([hash!], { pin: newPin }), [hash!])).length, 1);
        }
        t.equal((await world.notify.sent('pinChanged')).to, person.email);
        const leaves = (await readLeaves(world.store)).filter(({ event }) => event === 'pin.changed');
        t.match(leaves, [{ subscriber: person.subscriber, result: 'done', actor: 'api', request: 'r' }]);
      },

    'S42: of 200 parallel wrong PINs five are tried, and the right one is locked out with them': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const calls = Array.from({ length: 200 }, (_, n) => change(world, person, { pin: `wrong pin ${n}` }));
      t.same(await outcomes(calls), { pinInvalid: 5, pinLocked: 195 });
      t.equal((await rowsOf(world, person)).factors.pinFailures, 5);
      await t.rejects(change(world, person), refused('pinLocked'));
      await world.advance(60_000);
      await change(world, person);
      const { pinFailures, pinLockedUntil } = (await rowsOf(world, person)).factors;
      t.same([pinFailures, pinLockedUntil], [0, 0], 'the right one clears the count');
    },

    'S42: the right PIN among parallel wrong ones never lets more than the limit be tried': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const pins = Array.from({ length: 40 }, (_, n) => (n === 20 ? person.pin : `wrong pin ${n}`));
      const counts = await outcomes(pins.map((pin) => change(world, person, { pin })));
      const { done = 0, pinInvalid = 0 } = counts;
      t.ok(done <= 1 && pinInvalid <= 9, `${done} right, ${pinInvalid} wrong`);
      t.equal(done + pinInvalid + (counts.pinLocked ?? 0), 40);
    },

    'S46: a bad new PIN is refused by name, changes nothing, and does not count as a wrong one': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const before = (await rowsOf(world, person)).vault;
      const local = person.userID.padEnd(9, '7');
      const bad = ['short', '12345678', 'aaaabbbb', 'matkhau123', local, `x${person.phone.slice(3)}`, person.pin];
      for (const pin of [...bad, 'x'.repeat(65)])
        await t.rejects(change(world, person, { newPin: pin }), refused('pinRefused'), pin);
      const { factors, vault } = await rowsOf(world, person);
      t.equal(factors.pinFailures, 0);
      t.same(vault, before);
      const decomposed = 'mật-khẩu-ký-26';
      await change(world, person, { newPin: decomposed.normalize('NFD') });
      await person.authorize(randomHashes(1), { pin: decomposed.normalize('NFC') });
    },

    'S46: without the right old PIN nobody learns what the new one must not contain': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const wrong = { pin: 'not the right one', newPin: `x${person.phone.slice(3)}` };
      await t.rejects(change(world, person, wrong), refused('pinInvalid'));
    },

    'of four parallel changes from one PIN exactly one counts': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const pins = Array.from({ length: 4 }, (_, n) => `another pin ${n * 7}`);
      const results = await Promise.allSettled(pins.map((pin) => change(world, person, { newPin: pin })));
      const done = pins.filter((_, n) => results[n]!.status === 'fulfilled');
      t.equal(done.length, 1);
      await person.authorize(randomHashes(1), { pin: done[0]! });
      t.equal((await readLeaves(world.store)).filter(({ event }) => event === 'pin.changed').length, 1);
    },

    'a change that was overtaken is refused, also when the vault is open already': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      let calls = 0;
      world.token.before = async () => {
        calls += 1;
        if (calls !== 2) return;
        // The first call opened the vault, the second seals it anew: in between another change is faster.
        world.token.before = () => {};
        await change(world, person, { newPin: 'the faster pin' });
      };
      await t.rejects(change(world, person), refused('pinInvalid'));
      await person.authorize(randomHashes(1), { pin: 'the faster pin' });
    },

    'S59, S67: a change whose commit fails leaves the old PIN, and no notice': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      world.store.failWrite(2, 'rolledBack');
      await t.rejects(change(world, person), refused('unavailable'));
      const [hash] = randomHashes(1);
      await person.signHash(await person.authorize([hash!]), [hash!]);
      await world.notify.sent('signed', person.email);
      t.notOk(world.notify.messages.some(({ template }) => template === 'pinChanged'));
    },

    'a token that fails says nothing about the PIN: the try is not counted': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      world.token.before = () => {
        throw new KysoError('tokenUnavailable');
      };
      for (let n = 0; n < 6; n += 1) await t.rejects(change(world, person), refused('tokenUnavailable'));
      world.token.before = () => {};
      await change(world, person);
    },

    'who never activated has no PIN to change, not even with the halves as PIN': async (t, stores) => {
      const { world } = await setUp(t, stores);
      const fresh = await world.newPerson({ activate: false });
      const bare = (half: string) => half.replaceAll('-', '');
      const pin = `${bare(fresh.halves.email)}|${bare(fresh.halves.sms)}`;
      await t.rejects(change(world, fresh, { pin }), refused('activationInvalid'));
      t.equal((await rowsOf(world, fresh)).vault.openedBy, 'activation');
    },

    'a frozen account can get a new PIN, and stays frozen': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const { subscriber } = person;
      await world.call('account.freeze', { subscriber, request: 'r' });
      await change(world, person);
      t.match(await world.call('account.status', { subscriber }), { status: 'frozen' });
      const otp = await person.nextCode();
      await world.call('account.unfreeze', { subscriber, pin: newPin, otp, request: 'r' });
    },
  });
});
