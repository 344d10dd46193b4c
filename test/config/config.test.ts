import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkConfig, pathsOf, readConfig } from '../../src/config.ts';
import { refused } from '../helpers/refused.ts';

const good = {
  mode: 'sandbox',
  name: 'Kyso',
  http: { host: '127.0.0.1', port: 8700, trustedProxies: ['10.0.0.1', '10.1.0.0/16', 'fd00::/8', '::1'] },
  pkcs11: { module: '/m.so', workers: 2 },
  store: { engine: 'sqlite' },
  instance: 'signer-1',
};

t.test('a configuration is checked as a whole, and nothing unknown is taken', async (t) => {
  t.match(checkConfig(good, '/d'), { ...good, directory: '/d' });
  t.ok(Object.isFrozen(checkConfig(good, '/d')));
  const http = (change: object) => ({ ...good, http: { ...good.http, ...change } });
  const wrong: [string, unknown][] = [
    ['an unknown member', { ...good, more: 1 }],
    ['a number as a string', http({ port: '8700' })],
    ['port 0, which nobody could find', http({ port: 0 })],
    ['a port beyond', http({ port: 65_536 })],
    ['a public URL with a slash at its end', http({ publicUrl: 'https://kyso.example/' })],
    ['a public URL of another scheme', http({ publicUrl: 'ftp://kyso.example' })],
    ['a proxy by name', http({ trustedProxies: ['proxy.example'] })],
    ['everybody as proxy', http({ trustedProxies: ['0.0.0.0/0'] })],
    ['a network with too many bits', http({ trustedProxies: ['10.0.0.0/33'] })],
    ['PostgreSQL without a URL', { ...good, store: { engine: 'postgresql' } }],
    ['SQLite with a URL', { ...good, store: { engine: 'sqlite', signer: 'x' } }],
    ['an instance that could be a path', { ...good, instance: '../x' }],
    ['no worker', { ...good, pkcs11: { module: '/m.so', workers: 0 } }],
    ['nothing', undefined],
    ['a list', []],
  ];
  for (const [name, content] of wrong) t.throws(() => checkConfig(content, '/d'), refused('configuration'), name);
});

t.test('a file that is missing or no JSON is named', async (t) => {
  const directory = t.testdir();
  t.throws(() => readConfig(directory), { ...refused('configuration'), message: new RegExp(directory) });
  writeFileSync(join(directory, 'kyso.json'), '{');
  t.throws(() => readConfig(directory), refused('configuration'));
  writeFileSync(join(directory, 'kyso.json'), JSON.stringify(good));
  t.equal(readConfig(directory).directory, directory);
});

t.test('sockets of a deep directory have a short path, the same for all processes', async (t) => {
  t.equal(pathsOf({ directory: '/srv/kyso' }).socket('ca'), '/srv/kyso/run/ca/socket');
  const directory = `/srv/${'x'.repeat(100)}`;
  const before = process.env.TMPDIR;
  t.teardown(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  });
  process.env.TMPDIR = '/var/tmp';
  const path = pathsOf({ directory }).socket('signer');
  t.match(path, /^\/tmp\/kyso-[0-9a-f]{16}\/signer\/socket$/);
  t.not(path, pathsOf({ directory: `${directory}y` }).socket('signer'));
});
