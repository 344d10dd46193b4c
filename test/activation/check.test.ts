import t, { type Test } from 'tap';
import type { Params, Result } from '../../src/ipc/contract.ts';
import type { SignerContract } from '../../src/ipc/signer-contract.ts';
import { eq } from '../../src/store/drizzle.ts';
import type { SignerTx } from '../../src/store/signer/tables.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { newSigner, randomHashes, signerToken, type TestSigner } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';

/** Walks through the whole store as `kyso signer check` does, in the smallest parts. */
async function check(world: TestSigner, limit = 1): Promise<{ checked: number; bad: string[] }> {
  let checked = 0;
  const bad: string[] = [];
  let next: Omit<Params<SignerContract, 'store.check'>, 'limit'> | undefined = {};
  while (next) {
    const part: Result<SignerContract, 'store.check'> = await world.call('store.check', { ...next, limit });
    checked += part.checked;
    bad.push(...part.bad.map((key) => `${part.table} ${key}`));
    next = part.next;
  }
  return { checked, bad };
}

t.test('rows that somebody else wrote', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    return { world, person: await world.newPerson() };
  };
  const exec = (world: TestSigner, work: (tx: SignerTx) => Promise<unknown>) => world.store.write(work);

  await rulesOnBothEngines(t, {
    'design §7: one bad row stops who needs it, others go on, the operator sees it, and a check names it': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const other = await world.newPerson();
      const [hash] = randomHashes(1);
      const sad = await person.authorize([hash!]);
      const whole = await check(world);
      t.same(whole.bad, []);
      t.ok(whole.checked > 15, `${whole.checked} rows`);
      t.same(await check(world, 1000), whole, 'the same in one part for each table');
      t.notOk('tampered' in (await world.call('status', {})));

      const { credentials: c } = world.store.read.t;
      await exec(world, (tx) => tx.db.update(c).set({ otp: 'email' }).where(eq(c.id, person.credentialID)));
      const error = await person.signHash(sad, [hash!]).catch((thrown: Error) => thrown);
      t.match(error, refused('integrity'));
      t.match(String(error), /a row of credentials/, 'the operator is told the table');
      t.notMatch(String(error), person.credentialID, 'and nothing of its contents');
      t.same(world.token.signed, [], 'nothing was signed');
      t.equal((await other.signHash(await other.authorize([hash!]), [hash!])).length, 1, 'another one signs');
      t.match(await world.call('status', {}), { ready: true, tampered: ['credentials'] });
      t.same((await check(world)).bad, [`credentials ${person.credentialID}`]);
    },

    'a check finds a bad row that nobody has asked for, in each table, and hashes that were exchanged': async (
      t,
      stores,
    ) => {
      const { world, person } = await setUp(t, stores);
      const byMail = await person.newCredential({ otp: 'email' });
      await byMail.sendCode();
      await person.authorize(randomHashes(2));
      const { settings, subscribers, vaults, factors, keys, authorizations, oneTimeCodes } = world.store.read.t;
      for (const [name, table] of Object.entries({
        settings,
        subscribers,
        vaults,
        factors,
        keys,
        authorizations,
        oneTimeCodes,
      })) {
        const some = table as typeof keys;
        const [row] = await world.store.read.db.select().from(some);
        await exec(world, (tx) =>
          tx.db
            .update(some)
            .set({ version: row!.version + 1 })
            .where(eq(some.mac, row!.mac)),
        );
        const { bad } = await check(world);
        t.ok(bad.length === 1 && bad[0]!.startsWith(`${name} `), bad.join());
        await exec(world, (tx) => tx.db.update(some).set({ version: row!.version }).where(eq(some.mac, row!.mac)));
      }
      world.signer.hashes.clear();
      const { authorizedHashes: h } = world.store.read.t;
      await exec(world, (tx) => tx.db.update(h).set({ digests: randomHashes(1)[0]! }));
      t.match((await check(world)).bad, [/^authorizations /]);
    },

    'what is not noticed: a whole old row in the place of its newer one': async (t, stores) => {
      const { world, person } = await setUp(t, stores);
      const { factors: f } = world.store.read.t;
      const [old] = await world.store.read.db.select().from(f);
      await t.rejects(person.authorize(randomHashes(1), { pin: 'another pin' }), refused('pinInvalid'));
      const [counted] = await world.store.read.db.select().from(f);
      t.equal(counted!.pinFailures, old!.pinFailures + 1);
      await exec(world, (tx) => tx.db.update(f).set(old!).where(eq(f.subscriber, person.subscriber)));
      t.same((await check(world)).bad, [], 'its MAC fits: docs/architecture.md says so');
      const [back] = await world.store.read.db.select().from(f);
      t.equal(back!.pinFailures, old!.pinFailures, 'who writes to the database can take back what was counted');
    },
  });
});
