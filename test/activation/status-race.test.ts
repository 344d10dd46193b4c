import t, { type Test } from 'tap';
import type { ErrorKind } from '../../src/base/errors.ts';
import { connectPostgresql } from '../../src/store/open-postgresql.ts';
import { statusOrder } from '../helpers/further-key.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import { newSigner, randomHashes, signerToken, type TestPerson, type TestSigner } from '../helpers/signer.ts';
import type { Stores } from '../helpers/stores.ts';
import { until } from '../helpers/until.ts';

/** Whether some transaction of this store waits for a lock of another one. */
async function lockWatch(t: Test, { location }: TestSigner): Promise<() => Promise<boolean>> {
  if (location.engine === 'sqlite') throw new Error('no locks to watch');
  const pool = connectPostgresql(location.url, 1);
  t.teardown(() => pool.end());
  const text = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  return async () => (await pool.query(text)).rows.length > 0;
}

/** Ways in which signing is switched off, and what is answered then. */
const switches: [string, (world: TestSigner, person: TestPerson) => Promise<unknown>, ErrorKind?][] = [
  ['a block', (world, { credentialID }) => world.obey({ kind: 'block', credentialID, blocked: true, reason: 'test' })],
  [
    'a freeze',
    (world, { subscriber }) =>
      world.store.write(async (tx) => {
        const row = await world.signer.rows.subscribers.lock(tx, { id: subscriber });
        await world.signer.rows.subscribers.replace(tx, row!, { status: 'frozen' });
      }),
  ],
  ['a hold', (world, person) => world.obey(statusOrder(person, 'hold')), 'certificateStatus'],
  ['a revocation', (world, person) => world.obey(statusOrder(person, 'revoked')), 'certificateStatus'],
];

t.test('S10: signing is switched off wholly before a spend or wholly after it', async (t) => {
  const token = await signerToken(t);
  const setUp = async (t: Test, stores: Stores) => {
    const world = await newSigner(t, stores, token);
    const person = await world.newPerson();
    const [hash] = randomHashes(1);
    return { world, person, hash: hash! };
  };
  const rules = switches.flatMap(([name, switchOff, kind = 'credentialDisabled']) => [
    [
      `${name} waits for a spend that has checked the status, and refuses the next one`,
      async (t: Test, stores: Stores) => {
        if (stores.engine === 'sqlite') return void t.pass('its transactions stand in one queue');
        const { world, person, hash } = await setUp(t, stores);
        const waits = await lockWatch(t, world);
        const sad = await person.authorize([hash, hash]);
        let off = false;
        let switching: Promise<unknown> = Promise.resolve();
        world.store.beforeCommit(async () => {
          switching = switchOff(world, person).then(() => {
            off = true;
          });
          await until(async () => off || (await waits()));
          t.notOk(off, 'not before the spend is durable');
        });
        await person.signHash(sad, [hash]);
        await switching;
        await world.push(world.ca.heartbeat());
        await t.rejects(person.signHash(sad, [hash]), refused(kind));
        t.equal(world.token.signed.length, 1);
      },
    ],
    [
      `a spend that comes while ${name} is being written waits for it, and is refused`,
      async (t: Test, stores: Stores) => {
        if (stores.engine === 'sqlite') return void t.pass('its transactions stand in one queue');
        const { world, person, hash } = await setUp(t, stores);
        const waits = await lockWatch(t, world);
        const sad = await person.authorize([hash]);
        let ended = false;
        let signing: Promise<unknown> = Promise.resolve();
        world.store.beforeCommit(async () => {
          signing = person.signHash(sad, [hash]).finally(() => {
            ended = true;
          });
          signing.catch(() => {});
          await until(async () => ended || (await waits()));
        });
        await switchOff(world, person);
        await t.rejects(signing, refused(kind));
        t.same(world.token.signed, []);
      },
    ],
    [
      `${name} during authorize and extendTransaction leaves no SAD`,
      async (t: Test, stores: Stores) => {
        const { world, person, hash } = await setUp(t, stores);
        const sad = await person.authorize([hash]);
        world.store.beforeWrite(() => switchOff(world, person));
        await t.rejects(person.extend(sad), refused(kind));
        const { world: second, person: other } = await setUp(t, stores);
        const otp = await other.nextCode();
        let calls = 0;
        second.token.before = async () => {
          calls += 1;
          if (calls === 2) await switchOff(second, other);
        };
        await t.rejects(other.authorize([hash], { otp }), refused(kind));
        t.same(await second.store.read.db.select().from(second.store.read.t.authorizations), []);
      },
    ],
  ]);
  await rulesOnBothEngines(t, Object.fromEntries(rules));
});
