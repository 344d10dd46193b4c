import t from 'tap';
import { checkConfig } from '../../src/config.ts';
import { openDomain } from '../../src/processes/stores.ts';
import { signerDomain } from '../../src/store/signer/tables.ts';
import { startPostgresql } from '../helpers/postgresql.ts';
import { refused } from '../helpers/refused.ts';

t.test('one signer per directory on PostgreSQL too: a second would take the socket of the first', async (t) => {
  const cluster = await startPostgresql();
  t.teardown(() => cluster.stop());
  const url = await cluster.url();
  const content = {
    ...{ mode: 'sandbox', name: 'x', instance: 'signer-1' },
    http: { host: '127.0.0.1', port: 8700, trustedProxies: [] },
    pkcs11: { module: '/none', workers: 1 },
    store: { engine: 'postgresql', signer: url, ca: url, api: url, notify: url },
  };
  const config = checkConfig(content, t.testdir());
  const store = await openDomain(config, signerDomain);
  await t.rejects(openDomain(config, signerDomain), refused('busy'));
  await store.close();
  const next = await openDomain(config, signerDomain);
  await next.close();
});
