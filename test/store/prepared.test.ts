import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { direct } from '../../src/store/direct.ts';
import { and, eq, gt, sql } from '../../src/store/drizzle.ts';
import { openStore } from '../../src/store/open-store.ts';
import { given, prepared } from '../../src/store/prepared.ts';
import { type SignerTx, signerDomain } from '../../src/store/signer/tables.ts';
import type { Tx } from '../../src/store/store.ts';

/** The name under which a query is prepared. */
function nameOf(title: string): string {
  const names: string[] = [];
  const query = { execute: async () => [] };
  const build = () => ({
    prepare(name: string) {
      names.push(name);
      return query;
    },
  });
  void prepared(title, build)({ db: {} } as unknown as Tx<unknown>, {});
  return names[0] ?? '';
}

t.test('names of prepared queries that begin alike stay two, though PostgreSQL cuts them at 63 bytes', async (t) => {
  const long = 'authorizations replace id,subscriber,client,grant,credential,key,keyVersion,digest';
  const names = [`${long},total,spent`, `${long},spent,total`, 'keys select id'].map(nameOf);
  t.equal(names[2], 'keys select id');
  t.equal(new Set(names.map((name) => name.slice(0, 63))).size, 3);
  for (const name of names) t.ok(Buffer.byteLength(name) <= 63, name);
  t.equal(nameOf(`${long},total,spent`), names[0], 'and one query keeps its name');
});

type Prepared = { execute(values: Record<string, unknown>): Promise<unknown> };

t.test('on SQLite, what is run without drizzle gives what drizzle gives', async (t) => {
  const store = await openStore(signerDomain, { engine: 'sqlite', file: join(t.testdir(), 'store.db') });
  t.teardown(() => store.close());
  /** Runs a query both ways, each in a transaction that comes to nothing, and answers what both say. */
  const both = async (build: (tx: SignerTx) => { prepare(name: string): unknown }, values: Record<string, unknown>) => {
    const answers: unknown[] = [];
    const ways = [
      (query: Prepared) => query.execute(values),
      async (query: Prepared) => direct(query)?.(values) ?? t.fail('it is left to drizzle'),
    ];
    for (const way of ways) {
      const undone = store.write(async (tx) => {
        answers.push(await way(build(tx).prepare('both') as Prepared));
        throw new Error('undone');
      });
      await t.rejects(undone, { message: 'undone' });
    }
    t.equal(answers.length, 2);
    t.same(answers[1], answers[0]);
    return answers[1];
  };
  const row = {
    ...{ id: 'c1', subscriber: 's1', key: 'k1', keyType: 'EC-P256', otp: 'totp', blocked: true, chain: '[]' },
    ...{
      certificateStatus: 'good',
      serial: '',
      certificate: '',
      notBefore: 5,
      notAfter: 2 ** 40,
      createdAt: 0,
      version: 1,
      mac: randomBytes(32),
    },
  };
  await store.write((tx) => tx.db.insert(tx.t.credentials).values(row));

  const found = await both(
    ({ db, t: { credentials: c } }) =>
      db
        .select()
        .from(c)
        .where(and(eq(c.id, given('id')), eq(c.blocked, true), gt(c.notAfter, given('now')))),
    { id: 'c1', now: 7 },
  );
  t.same(found, [row], 'booleans, large numbers and bytes are what they were');
  const all = Object.fromEntries(Object.keys(row).map((name) => [name, given(name)])) as never;
  const inserted = await both(({ db, t: { credentials: c } }) => db.insert(c).values(all).returning(), {
    ...row,
    ...{ id: 'c2', blocked: false },
  });
  t.match(inserted, [{ id: 'c2', blocked: false }]);
  await both(({ db, t: { credentials: c } }) => db.insert(c).values(all), { ...row, id: 'c3' });
  const changed = await both(
    ({ db, t: { credentials: c } }) =>
      db
        .update(c)
        .set({ createdAt: sql`${c.createdAt} + ${given('more')}` })
        .where(eq(c.id, 'c1'))
        .returning({ when: c.createdAt, twice: sql<number>`2 * ${c.createdAt}` }),
    { more: 3 },
  );
  t.same(changed, [{ when: 3, twice: 6 }]);
  await both(({ db, t: { signings: s } }) => db.select({ endedAt: s.endedAt }).from(s), {});

  await store.write(async ({ db, t: { credentials: c, keys: k } }) => {
    const select = db.select().from(c);
    t.throws(() => direct(select.where(eq(c.id, given('id'))).prepare('missing'))?.({}), /no value for id/);
    const join = db.select().from(c).leftJoin(k, eq(k.id, c.key)).prepare('join');
    t.equal(direct(join), undefined, 'tables that may be absent are left to drizzle');
  });
});
