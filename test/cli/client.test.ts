import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { client } from '../../src/cli/client.ts';
import { pathsOf } from '../../src/config.ts';
import { clientHandlers } from '../../src/http/clients.ts';
import { apiContract } from '../../src/ipc/api-contract.ts';
import { serveIpc } from '../../src/ipc/server.ts';
import { clientWorks, seedClients } from '../../src/store/api/clients.ts';
import { apiDomain } from '../../src/store/api/tables.ts';
import { openStore } from '../../src/store/open-store.ts';
import { refused } from '../helpers/refused.ts';
import { shortDirectory } from '../helpers/temp.ts';

const config = {
  ...{ mode: 'sandbox', name: 'x', instance: 'signer-1', store: { engine: 'sqlite' } },
  http: { host: '127.0.0.1', port: 8700, trustedProxies: [] },
  pkcs11: { module: '/none', workers: 1 },
};

/** A directory as `kyso serve` leaves it, with api's operator socket and nothing else. */
async function served(t: Test) {
  const directory = shortDirectory(t);
  const paths = pathsOf({ directory });
  const store = await openStore(apiDomain, { engine: 'sqlite', file: join(directory, 'api.db') });
  await store.write((tx) => seedClients(tx, 0));
  const key = randomBytes(32);
  mkdirSync(paths.secrets);
  writeFileSync(paths.config, JSON.stringify(config));
  writeFileSync(paths.operatorKey, JSON.stringify({ 'operator-api': key.toString('base64') }));
  const handlers = clientHandlers(store);
  const keys = { operator: key };
  const server = await serveIpc({ path: paths.socket('api'), contract: apiContract, handlers, keys, onError() {} });
  t.teardown(async () => {
    await server.close();
    await store.close();
  });
  return { store, directory };
}

t.test('kyso client', async (t) => {
  const { store, directory } = await served(t);
  const main = join(import.meta.dirname, '../../src/main.ts');
  const run = async (...args: string[]) =>
    (await promisify(execFile)(process.execPath, [main, 'client', ...args, '--dir', directory], { env: {} })).stdout;
  const switches = (text: string) =>
    Object.fromEntries([...text.matchAll(/^ {2}(\S+) +(on|off)$/gm)].map(([, name, value]) => [name, value]));

  const allOff = {
    'num-signatures-as-text': 'off',
    'open-slots': 'off',
    'send-otp-body': 'off',
    'pss-defaults': 'off',
  };
  const listed = await run('list');
  t.match(listed, /^direct {2}\(Direct login\)\n/m);
  t.same(switches(listed), allOff, 'direct begins with nothing that CSC does not say');
  t.same(switches(await run('set', 'direct', '--open-slots', 'on', '--pss-defaults', 'on')), {
    ...{ ...allOff, 'open-slots': 'on', 'pss-defaults': 'on' },
  });
  t.same(
    switches(await run('set', 'direct', '--send-otp-body=on', '--open-slots=off')),
    { ...allOff, 'send-otp-body': 'on', 'pss-defaults': 'on' },
    'what is not named stays',
  );
  t.match(await run('suspend', 'direct'), 'SUSPENDED');
  t.notOk(await clientWorks(store.read, 'direct'));
  const resumed = await run('resume', 'direct');
  t.notMatch(resumed, 'SUSPENDED');
  t.equal(switches(resumed)['pss-defaults'], 'on', 'a suspension touches no switch');
  t.ok(await clientWorks(store.read, 'direct'));
  t.match(await run('--help'), '--num-signatures-as-text');

  for (const wrong of [
    [],
    ['set'],
    ['suspend'],
    ['list', 'direct'],
    ['suspend', 'direct', 'other'],
    ['suspend', 'direct', '--open-slots', 'on'],
    ['remove', 'direct'],
    ['set', 'direct', '--open-slots', 'yes'],
  ]) {
    await t.rejects(client([...wrong, '--dir', directory]), refused('configuration'), wrong.join(' '));
  }
  await t.rejects(client(['set', 'direct', '--unknown', 'on', '--dir', directory]), { code: /^ERR_PARSE_ARGS/ });
  await t.rejects(client(['suspend', 'other', '--dir', directory]), { kind: 'requestInvalid', message: /other/ });
});
