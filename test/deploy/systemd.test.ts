import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { linksOf, secretFiles } from '../../src/processes/boot.ts';
import { group, users } from '../../src/processes/users.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'scripts', 'deploy', 'systemd');
const names = ['api', 'signer', 'ca', 'notify'] as const;
const read = (file: string) => readFileSync(join(folder, file), 'utf8');

/** All values of a setting in a unit, in their order. */
const settings = (unit: string, name: string) =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value);

/** What a process may reach and do, without what timestamps take. */
const rest = (unit: string) =>
  unit
    .slice(unit.indexOf('ProtectSystem='))
    .replaceAll(/^(?:ProtectClock=yes|SystemCallFilter=adjtimex .*|# What it may do\.(?:.*\n#)*.*)\n/gm, '');

t.test('S55: a unit gives its process its own links and secrets, and its own user', async (t) => {
  for (const name of names) {
    const unit = read(`kyso-${name}.service`);
    t.same(settings(unit, 'User'), [`kyso-${name}`]);
    const wanted = [...linksOf(name).map((link) => `link-${link}`), ...secretFiles[name]];
    const loaded = settings(unit, 'LoadCredential').map((value) => value?.split(':')[0]);
    t.same(loaded.sort(), wanted.sort(), name);
    t.match(unit, `ExecStart=/opt/kyso/scripts/kyso ${name} --dir /var/lib/kyso\n`);
    const open = settings(unit, 'RestrictAddressFamilies');
    t.same(open, [['signer', 'ca'].includes(name) ? 'AF_UNIX' : 'AF_UNIX AF_INET AF_INET6'], name);
    t.same(settings(unit, 'LimitCORE'), ['0'], 'S4: no core dumps');
    t.equal(rest(unit), rest(read('kyso-api.service')), 'what holds for one process holds for all');
    // S80: adjtimex(2) says how good the clock is; without CAP_SYS_TIME it cannot set it.
    t.same(settings(unit, 'ProtectClock'), name === 'ca' ? [] : ['yes'], name);
    const calls = ['@system-service', '~@privileged', ...(name === 'ca' ? ['adjtimex clock_adjtime'] : [])];
    t.same(settings(unit, 'SystemCallFilter'), calls, name);
    t.same(settings(unit, 'CapabilityBoundingSet'), [''], name);
  }
});

t.test('the users of systemd and of the containers are those that the code knows', async (t) => {
  t.match(read('kyso.sysusers'), new RegExp(`^g kyso +${group}$`, 'm'));
  const compose = readFileSync(join(root, 'scripts', 'deploy', 'compose.yaml'), 'utf8');
  for (const name of names) {
    t.match(read('kyso.sysusers'), new RegExp(`^u kyso-${name} +${users[name]}:${group} `, 'm'));
    t.match(read('kyso.tmpfiles'), new RegExp(`^d /var/lib/kyso/run/${name} +0750 kyso-${name} +kyso -$`, 'm'));
    const service = new RegExp(`^  ${name}:\\n(    .*\\n)+`, 'm').exec(compose)?.[0] ?? '';
    t.match(service, `user: "${users[name]}:${group}"`);
    t.match(service, `command: [${name}, --dir, /var/lib/kyso]`);
    t.equal(service.includes('network_mode: none'), ['signer', 'ca'].includes(name), name);
    const own = service.match(/\/var\/lib\/kyso\/(\w+):\/var\/lib\/kyso\/\w+\n/g);
    t.same(own, [`/var/lib/kyso/${name}:/var/lib/kyso/${name}\n`], 'it has no part but its own');
  }
  const image = readFileSync(join(root, 'Dockerfile'), 'utf8');
  t.match(image, new RegExp(`^USER ${group}:${group}$`, 'm'), 'no root unless somebody says so');
});

const analyze = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'systemd is not on this machine';

t.test('systemd makes these users', { skip: analyze }, async (t) => {
  const machine = t.testdir({ etc: {} });
  const made = spawnSync('systemd-sysusers', [`--root=${machine}`, join(folder, 'kyso.sysusers')], {
    encoding: 'utf8',
  });
  t.equal(made.status, 0, made.stderr);
  const accounts = readFileSync(join(machine, 'etc', 'passwd'), 'utf8');
  for (const name of names) t.match(accounts, `kyso-${name}:x:${users[name]}:${group}:`);
});

t.test('systemd takes the units, and finds little that they leave open', { skip: analyze }, async (t) => {
  const copies = t.testdir();
  for (const file of readdirSync(folder).filter((name) => /\.(service|target)$/.test(name)))
    writeFileSync(join(copies, file), read(file).replaceAll('/opt/kyso', root));
  const units = names.map((name) => join(copies, `kyso-${name}.service`));
  const options = {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, LANG: 'C', SYSTEMD_UNIT_PATH: `${copies}:` },
  } as const;
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', ...units, join(copies, 'kyso.target')], options);
  const about = verified.stderr.split('\n').filter((line) => /kyso/i.test(line));
  t.same(about, []);

  // From 0 (nothing is left) to 10; a unit that says nothing has 9.6. ca has 0.2 more, for adjtimex.
  for (const [name, most] of Object.entries({ api: 1.5, signer: 0.6, ca: 0.8, notify: 1.5 })) {
    const judged = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', join(copies, `kyso-${name}.service`)],
      options,
    );
    const exposure = Number(/exposure level for .*: ([\d.]+)/.exec(judged.stdout)?.[1]);
    t.ok(exposure <= most, `${name}: ${exposure}, at most ${most}`);
  }
});
