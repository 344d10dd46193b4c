import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkConfig } from '../../src/config.ts';
import { secretFiles } from '../../src/processes/boot.ts';
import { initCa } from '../../src/processes/ca-ceremony.ts';
import { enrolSigner } from '../../src/processes/init.ts';
import { readSecrets } from '../../src/processes/secrets.ts';
import { initSigner } from '../../src/processes/signer-ceremony.ts';
import { softHsmModule } from '../helpers/softhsm.ts';
import { shortDirectory } from '../helpers/temp.ts';

t.test('the single steps make everything that a sandbox of one’s own configuration starts with', async (t) => {
  const directory = shortDirectory(t);
  const file = {
    ...{ mode: 'sandbox', name: 'x', instance: 'signer-1', store: { engine: 'sqlite' } },
    http: { host: '127.0.0.1', port: 8700, trustedProxies: [] },
    pkcs11: { module: softHsmModule, workers: 1 },
  };
  writeFileSync(join(directory, 'kyso.json'), JSON.stringify(file));
  const config = checkConfig(file, directory);
  await initSigner(config);
  await initCa(config);
  await enrolSigner(config);
  for (const name of ['signer', 'ca', 'notify', 'catcher', 'api'] as const) {
    const needed = secretFiles[name].filter((secret) => !['smtp-password', 'sms-token', 'tls-key'].includes(secret));
    t.same(Object.keys(readSecrets(config, name)), needed, name);
  }
});
