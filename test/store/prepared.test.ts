import t from 'tap';
import { prepared } from '../../src/store/prepared.ts';
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
