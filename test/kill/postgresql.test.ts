import t from 'tap';
import { startPostgresql } from '../helpers/postgresql.ts';
import { killRounds } from './kill.ts';

t.test(
  'S66, S68, S89: kills on PostgreSQL, and of it, lose nothing that was answered, and double nothing',
  async (t) => {
    const cluster = await startPostgresql();
    t.teardown(() => cluster.stop());
    const url = await cluster.url();
    const store = { engine: 'postgresql', signer: url, ca: url, api: url, notify: url } as const;
    await killRounds(t, store, () => cluster.crash());
  },
);
