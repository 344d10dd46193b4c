import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bootAlone, keysFor, linkKey, linksOf } from '../../src/processes/boot.ts';
import {
  assertNotPlanted,
  handOver,
  sharedRole,
  socketDirectory,
  tierAlone,
  tierFor,
  users,
} from '../../src/processes/users.ts';
import { refused } from '../helpers/refused.ts';
import { shortDirectory } from '../helpers/temp.ts';

const notRoot = process.getuid?.() === 0 ? false : 'needs root';
const sqlite = { engine: 'sqlite' } as const;

/** An installation's directory with credentials as systemd would lay them down. */
function installation(t: Test, credentials: Record<string, string>) {
  const directory = shortDirectory(t);
  const config = {
    ...{ mode: 'sandbox', name: 'x', instance: 'signer-1', store: sqlite },
    http: { host: '127.0.0.1', port: 8700, trustedProxies: [] },
    pkcs11: { module: '/none', workers: 1 },
  };
  writeFileSync(join(directory, 'kyso.json'), JSON.stringify(config));
  const place = join(directory, 'credentials');
  mkdirSync(place);
  for (const [name, text] of Object.entries(credentials)) writeFileSync(join(place, name), text);
  const before = process.env.CREDENTIALS_DIRECTORY;
  process.env.CREDENTIALS_DIRECTORY = place;
  t.teardown(() => {
    if (before === undefined) delete process.env.CREDENTIALS_DIRECTORY;
    else process.env.CREDENTIALS_DIRECTORY = before;
  });
  return directory;
}

t.test('each process takes part only in its own links, and each link has a key of its own', async (t) => {
  t.same(linksOf('api'), ['api-signer', 'api-ca', 'operator-api']);
  t.same(linksOf('signer'), ['api-signer', 'ca-signer', 'operator-signer', 'signer-notify']);
  t.same(linksOf('notify'), ['signer-notify', 'operator-notify'], 'so no code passes through api on its way out');
  t.same(linksOf('ca'), ['ca-signer', 'api-ca', 'operator-ca']);
  const bootKey = randomBytes(32);
  t.notSame(linkKey(bootKey, 'api-signer'), linkKey(bootKey, 'ca-signer'));
  t.notSame(linkKey(bootKey, 'api-signer'), linkKey(randomBytes(32), 'api-signer'), 'new at each boot');
  const links = Object.fromEntries(linksOf('ca').map((link) => [link, linkKey(bootKey, link)]));
  t.same(Object.keys(keysFor('ca', { config: {} as never, tier: 'development', links, secrets: {} })), [
    'api',
    'operator',
  ]);
});

t.test('a process that starts alone reads its credentials, and api no PIN', async (t) => {
  const key = randomBytes(32);
  const links = { 'link-api-signer': `${key.toString('base64')}\n`, 'link-ca-signer': key.toString('base64') };
  const directory = installation(t, { ...links, 'token-pin': 'geheim\n', 'tls-key': '\n' });
  const signer = bootAlone('signer', directory);
  t.same(signer.links['api-signer'], key);
  t.same(signer.secrets['token-pin'], Buffer.from('geheim'), 'without the line feed that an editor adds');
  const api = bootAlone('api', directory);
  t.same(api.secrets, {}, 'nor a secret that is empty');
  t.same(Object.keys(api.links), ['api-signer']);
  for (const name of ['link-api-signer'] as const) {
    for (const text of ['', '\n', 'AAAA', key.toString('hex'), randomBytes(31).toString('base64')]) {
      const wrong = installation(t, { [name]: text });
      t.throws(() => bootAlone('signer', wrong), refused('configuration'), `a key that reads ${JSON.stringify(text)}`);
    }
  }
  t.throws(() => bootAlone('signer', undefined), refused('configuration'));
});

t.test('S18: tier "production" is claimed only behind walls', { skip: tierFor('/').why ?? false }, async (t) => {
  const directory = shortDirectory(t);
  t.equal(tierFor(directory).tier, 'production');
  chmodSync(directory, 0o777);
  t.match(tierFor(directory).why, /everybody may write/);
  chmodSync(directory, 0o700);
  t.match(tierFor(directory).why, /not readable/);
  chmodSync(directory, 0o711);
  mkdirSync(join(directory, 'signer'));
  t.match(tierFor(directory).why, /belongs to another user/, 'an installation of the other tier');
  chownSync(join(directory, 'signer'), users.signer, 0);
  t.equal(tierFor(directory).tier, 'production');

  t.equal(tierAlone('api', directory, sqlite), 'development', 'root walks through walls');
});

t.test('S18: alone, a process whose user owns the part of another one claims nothing', async (t) => {
  const real = process.getuid;
  t.teardown(() => {
    process.getuid = real as never;
  });
  const directory = shortDirectory(t);
  mkdirSync(join(directory, 'signer'));
  process.getuid = () => lstatSync(directory).uid + 1;
  t.equal(tierAlone('api', directory, sqlite), 'production');
  process.getuid = () => 0;
  t.equal(tierAlone('api', directory, sqlite), 'development');
  if (lstatSync(directory).uid === 0) chownSync(join(directory, 'signer'), 4711, 0);
  process.getuid = () => lstatSync(join(directory, 'signer')).uid;
  t.equal(tierAlone('api', directory, sqlite), 'development');
  t.equal(tierAlone('signer', directory, sqlite), 'production', 'its own part is its own');
});

t.test('one role in PostgreSQL for several processes is no wall', async (t) => {
  const store = (signer: string, ca: string, api: string, notify = 'postgresql://n@h/d') =>
    sharedRole({ engine: 'postgresql', ...{ signer, ca, api, notify } }) !== undefined;
  t.notOk(store('postgresql://s@h/d', 'postgresql://c@h/d', 'postgresql://a:pw@h/d'));
  t.ok(store('postgresql://s@h/d', 'postgresql://c@h/d', 'postgresql://s:pw@h/d'));
  t.ok(store('postgresql://s@h/d', 'postgresql://c@h/d', 'postgresql://a@h/d', 'postgresql://a:pw@h/d'));
  t.ok(store('postgres://k@/d?host=%2Ftmp', 'postgres://k@/d?host=%2Ftmp', 'postgres://k@/d?host=%2Ftmp'));
  t.notOk(
    store('postgresql:///d', 'postgresql:///d', 'postgresql:///d', 'postgresql:///d'),
    'peer authentication by system user',
  );
  t.notOk(sharedRole(sqlite));
});

t.test('what somebody else planted where everybody may write is not taken', { skip: notRoot }, async (t) => {
  const place = shortDirectory(t);
  chmodSync(place, 0o1777);
  const target = join(place, 'target');
  mkdirSync(target, { mode: 0o700 });
  const planted = join(place, 'planted');
  mkdirSync(planted);
  chownSync(planted, 4711, 0);
  t.throws(() => socketDirectory(join(planted, 'signer'), 'signer', 'production'), refused('configuration'));
  symlinkSync(target, join(place, 'link'));
  t.throws(() => socketDirectory(join(place, 'link', 'signer'), 'signer', 'production'), refused('configuration'));
  mkdirSync(join(place, 'open'));
  chmodSync(join(place, 'open'), 0o777);
  t.throws(() => assertNotPlanted(join(place, 'open')), refused('configuration'));

  socketDirectory(join(place, 'mine', 'signer'), 'signer', 'production');
  const stat = lstatSync(join(place, 'mine', 'signer'));
  t.same([stat.uid, stat.mode & 0o777], [users.signer, 0o750]);
  socketDirectory(join(place, 'mine', 'signer'), 'signer', 'production');
});

t.test('handing a directory over follows no link out of it', { skip: notRoot }, async (t) => {
  const directory = shortDirectory(t);
  mkdirSync(join(directory, 'outside'));
  writeFileSync(join(directory, 'outside', 'file'), '');
  mkdirSync(join(directory, 'own', 'sub'), { recursive: true });
  writeFileSync(join(directory, 'own', 'sub', 'file'), '');
  symlinkSync(join(directory, 'outside'), join(directory, 'own', 'link'));
  symlinkSync(join(directory, 'outside', 'file'), join(directory, 'own', 'link-to-file'));
  handOver(join(directory, 'own'), 'signer', 'production');
  const owner = (...parts: string[]) => lstatSync(join(directory, ...parts)).uid;
  t.same([owner('own'), owner('own', 'sub', 'file'), owner('own', 'link')], Array(3).fill(users.signer));
  t.same([owner('outside'), owner('outside', 'file')], [0, 0]);
});
