import t, { type Test } from 'tap';
import { upkeep } from '../../src/activation/upkeep.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { newSigner, randomHashes, readLeaves, signerToken, type TestSigner } from '../helpers/signer.ts';
import { storeFaults, writerOf } from '../helpers/store-faults.ts';
import type { Stores } from '../helpers/stores.ts';

const outcomesOf = async ({ store }: TestSigner) =>
  (await store.read.db.select().from(store.read.t.signings)).map(({ outcome }) => outcome).sort();

/** The digests of the signings of one result in the log. */
async function logged({ store }: TestSigner, result: string): Promise<Set<unknown>> {
  const leaves = (await readLeaves(store)).filter((leaf) => leaf.event === 'sign' && leaf.result === result);
  return new Set(leaves.flatMap(({ hashes, signing }) => (hashes as string[] | undefined) ?? [signing]));
}

t.test('the store fails under the signer', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };

  await rulesOnBothEngines(t, {
    'S61: nothing is signed, granted or counted while the store does not record; then it goes on by itself': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const byEmail = await world.newPerson({ otp: 'email' });
      for (const [name, fault] of Object.entries(storeFaults[stores.engine])) {
        const [hash] = randomHashes(1);
        const sad = await person.authorize([hash!]);
        const otp = await person.nextCode();
        const signed = world.token.signed.length;
        const before = (await readLeaves(world.store)).length;
        const end = await fault(world);

        await t.rejects(person.signHash(sad, [hash!]), refused('unavailable'), `${name}: signHash`);
        await t.rejects(person.authorize([hash!], { otp }), refused('unavailable'), `${name}: authorize`);
        await t.rejects(
          person.authorize([hash!], { otp, pin: 'a wrong one' }),
          refused('unavailable'),
          `${name}: nobody learns that a PIN is wrong before the try is counted`,
        );
        const sendOTP = world.call('credentials.sendOTP', { ...byEmail.caller, credentialID: byEmail.credentialID });
        await t.rejects(sendOTP, refused('unavailable'), `${name}: sendOTP`);
        await t.rejects(upkeep(world.signer), refused('unavailable'), `${name}: upkeep`);
        t.equal(world.token.signed.length, signed, 'the token was not asked');
        t.match(await world.call('status', {}), { ready: false, store: false, token: true }, 'and the signer says why');
        const { credentialIDs } = await world.call('credentials.list', { subscriber: person.subscriber, limit: 10 });
        t.same(credentialIDs, [person.credentialID], 'reads go on');

        await end();
        t.equal((await readLeaves(world.store)).length, before, `${name}: nothing was recorded`);
        await upkeep(world.signer);
        t.match(await world.call('status', {}), { ready: true, store: true });
        t.equal((await person.signHash(sad, [hash!])).length, 1, 'nothing was spent, and it signs without a restart');
        await person.authorize([hash!], { otp });
        await byEmail.sendCode();
        await world.advance(31_000);
      }
    },

    'S59: what the token signed and the store could not record is not released, and ends as unknown': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      let count = 0;
      for (const [name, fault] of Object.entries(storeFaults[stores.engine])) {
        const [hash] = randomHashes(1);
        const sad = await person.authorize([hash!]);
        let end = async () => {};
        world.token.before = async (operation) => {
          if (operation === 'sign') end = await fault(world);
        };
        await t.rejects(person.signHash(sad, [hash!]), refused('unavailable'), name);
        world.token.before = () => {};
        await end();
        count += 1;
        t.equal(world.token.signed.length, count, 'it was made');
        await t.rejects(person.signHash(sad, [hash!]), refused('sadInvalid'), 'and cannot be had again');
        await world.advance(3 * 60_000);
        await upkeep(world.signer);
        t.same(await outcomesOf(world), Array(count).fill('unknown'), 'without a restart');
      }
      t.same(await logged(world, 'done'), new Set());
    },
  });

  await t.test(
    'S67: a disk that gets full at any place of shared commits: told is recorded, made is intended',
    async (t) => {
      const file = { location: async () => ({ engine: 'sqlite' as const, file: `${t.testdir()}/store.db` }) };
      const world = await newSigner(t, file, token);
      const people = [await world.newPerson(), await world.newPerson(), await world.newPerson()];
      const writer = await writerOf(world);
      const pages = () => writer.pragma('page_count', { simple: true }) as number;
      const seen = new Set<string>();
      for (let room = 0; room <= 32; room += 8) {
        const orders = await Promise.all(
          people.map(async (person) => {
            const hashes = randomHashes(150);
            return { person, hashes, sad: await person.authorize(hashes) };
          }),
        );
        writer.pragma(`max_page_count = ${pages() + room}`);
        const results = await Promise.allSettled(orders.map(({ person, hashes, sad }) => person.signHash(sad, hashes)));
        writer.pragma('max_page_count = 1000000');

        const [intended, released] = [await logged(world, 'intended'), await outcomesOf(world)];
        const made = world.token.signed.flat();
        t.ok(
          made.every((digest) => intended.has(digest)),
          `${room} pages: every digest that the token saw was intended`,
        );
        const answered = results.filter(({ status }) => status === 'fulfilled').length;
        seen.add(`${answered} of ${results.length}`);
        const before = released.filter((outcome) => outcome === 'released').length;
        for (const result of results) if (result.status === 'rejected') t.match(result.reason, refused('unavailable'));
        for (const [index, { person, hashes, sad }] of orders.entries()) {
          const again = await person.signHash(sad, hashes).catch((error: { kind: string }) => error.kind);
          if (results[index]?.status === 'fulfilled') t.equal(again, 'sadInvalid', 'what was answered is spent');
          else if (again !== 'sadInvalid') t.equal(again.length, hashes.length, 'what was not recorded can be had');
        }
        const after = (await outcomesOf(world)).filter((outcome) => outcome === 'released').length;
        t.ok(after - before <= orders.length - answered, 'and nothing twice');
      }
      t.ok(seen.has('0 of 3') && seen.has('3 of 3'), `the places were met: ${[...seen].join(', ')}`);
      await world.advance(3 * 60_000);
      await upkeep(world.signer);
      t.notOk((await outcomesOf(world)).includes('pending'));
    },
  );
});
