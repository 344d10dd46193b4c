import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';

const root = resolve(import.meta.dirname, '../..');
const commands = [
  ...['scripts/setup', 'scripts/kyso', 'scripts/npm', 'scripts/demo', 'scripts/test', '.ci/run'],
  ...['scripts/deploy/install', 'scripts/deploy/credentials'],
];

/** What Debian has before anything is installed, as far as the set-up uses it. */
const essential = 'cut dirname env flock mkdir mktemp readlink rm sed sh sha256sum tail tr uname'.split(' ');

/** Copies the scripts into an empty checkout; `node` lays this test's Node where the set-up puts its own. */
function checkout(folder: string, node: boolean): string {
  cpSync(join(root, 'scripts'), join(folder, 'scripts'), { recursive: true });
  const bin = join(folder, `.node/node_modules/node-linux-${process.arch}/bin`);
  mkdirSync(bin, { recursive: true });
  if (node) symlinkSync(process.execPath, join(bin, 'node'));
  return folder;
}

/** An executable shell script. */
function command(path: string, ...lines: string[]): void {
  writeFileSync(path, ['#!/bin/sh', ...lines, ''].join('\n'));
  chmodSync(path, 0o755);
}

/** A folder for PATH with nothing but essential commands and the given ones (name → its shell line). */
function machine(folder: string, commands: Record<string, string>): string {
  mkdirSync(folder);
  for (const name of essential) symlinkSync(`/usr/bin/${name}`, join(folder, name));
  for (const [name, line] of Object.entries(commands)) command(join(folder, name), line);
  return folder;
}

/** Runs a program with exactly this environment (tap adds to one that is only handed to spawn). */
function run(environment: Record<string, string>, program: string, args: string[], cwd = root) {
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return spawnSync('/usr/bin/env', ['-i', ...settings, program, ...args], { cwd, encoding: 'utf8' });
}

t.test('every script is valid and can be run', async (t) => {
  for (const name of commands)
    t.doesNotThrow(() => accessSync(join(root, name), constants.X_OK), `${name} has its run bit`);
  for (const name of [...commands, 'scripts/environment.sh']) {
    for (const shell of ['sh', 'bash'])
      t.equal(spawnSync(shell, ['-n', join(root, name)]).status, 0, `${shell} -n ${name}`);
  }
});

t.test('kyso hands over arguments, folder, exit code and signals, and no NODE_OPTIONS', async (t) => {
  const folder = checkout(
    t.testdir({
      elsewhere: {},
      node_modules: {},
      src: {
        'main.ts': `
          const told: unknown = [process.argv.slice(2), process.cwd(), process.env.NODE_OPTIONS ?? null, process.pid];
          console.log(JSON.stringify(told));
          if (process.argv[2] === 'serve') setInterval(() => {}, 1000);
          else process.exitCode = 7;`,
      },
    }),
    true,
  );
  const elsewhere = join(folder, 'elsewhere');
  symlinkSync(join(folder, 'scripts/kyso'), join(elsewhere, 'link'));

  const done = run({ NODE_OPTIONS: '--nonsense' }, './link', ['sign', 'a file.pdf', '*', ''], elsewhere);
  t.equal(done.status, 7, done.stderr);
  t.match(JSON.parse(done.stdout), [['sign', 'a file.pdf', '*', ''], elsewhere, null]);

  const serving = spawn('/usr/bin/env', ['-i', join(folder, 'scripts/kyso'), 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(serving.stdout, 'data');
  const pid: number = JSON.parse(String(line))[3];
  if (pid !== serving.pid) t.teardown(() => process.kill(pid));
  t.equal(pid, serving.pid, 'no shell stays between the caller and Kyso');
  serving.kill('SIGTERM');
  const [, signal] = await once(serving, 'exit');
  t.equal(signal, 'SIGTERM');
});

t.test('kyso and npm name the set-up when there was none', async (t) => {
  const folder = checkout(t.testdir(), false);
  const path = machine(join(folder, 'bin'), {});
  for (const name of ['kyso', 'npm']) {
    const refused = run({ PATH: path }, join(folder, 'scripts', name), ['help']);
    t.equal(refused.status, 1);
    t.equal(refused.stderr, `Kyso is not set up yet. Run:\n  ${folder}/scripts/setup\n`);
  }
});

t.test('without root and sudo the set-up names the apt command and stops', async (t) => {
  const folder = checkout(t.testdir(), false);
  const path = machine(join(folder, 'bin'), { id: 'echo 1000', 'apt-get': 'touch "$0.called"', openssl: '', make: '' });
  const refused = run({ PATH: path }, join(folder, 'scripts/setup'), ['demo']);
  t.equal(refused.status, 1);
  const missing = 'nodejs npm g++ python3 softhsm2 poppler-utils libnss3-tools qpdf curl';
  t.match(
    refused.stderr.replace(' ca-certificates', ''),
    `apt-get update && apt-get install --no-install-recommends ${missing}\n`,
  );
  t.notOk(readdirSync(path).includes('apt-get.called'));
});

t.test('a failed installation shows the end of its log without hosts, and the fix', async (t) => {
  const folder = checkout(t.testdir({ tmp: {} }), false);
  const path = machine(join(folder, 'bin'), {
    id: 'echo 0',
    'apt-get': 'echo "Err: https://user:secret@mirror.example/debian $*"; [ "$2" = update ] || exit 100',
  });
  const failed = run({ PATH: path, TMPDIR: join(folder, 'tmp') }, join(folder, 'scripts/setup'), ['serve']);
  t.equal(failed.status, 1);
  t.match(failed.stdout, /^• Debian packages: nodejs npm .*softhsm2 … failed\n\nErr: https:\/\/…\/debian .*update\n/);
  t.match(failed.stderr, /Fix: as root, run: apt-get update && apt-get install .*softhsm2\n.*kyso-setup\./);
  t.notMatch(failed.stdout + failed.stderr, /secret|mirror\.example/);
});

t.test('what is not Debian is told what to install', async (t) => {
  const folder = checkout(t.testdir(), false);
  const path = machine(join(folder, 'bin'), { id: 'echo 0' });
  const refused = run({ PATH: path }, join(folder, 'scripts/setup'), ['serve']);
  t.equal(refused.status, 1);
  t.match(refused.stderr, /only Debian and Ubuntu .*\n .*nodejs npm g\+\+ make python3.* softhsm2\n/);
});

/** A machine on which the Debian packages are there, and a checkout whose modules fit the lock file. */
function finished(folder: string) {
  checkout(folder, true);
  mkdirSync(join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package-lock.json'), '{}');
  const hash = createHash('sha256').update('{}').digest('hex');
  writeFileSync(
    join(folder, 'node_modules/.kyso-setup'),
    `${hash} v${process.versions.node.split('.')[0]} development\n`,
  );
  const tools = ['softhsm2-util', 'pdfsig', 'certutil', 'openssl', 'qpdf', 'curl', 'g++', 'make', 'python3'];
  const called = join(folder, 'called');
  const path = machine(join(folder, 'bin'), {
    ...Object.fromEntries(tools.map((name) => [name, ''])),
    'apt-get': `echo "apt-get $*" >>${called}`,
    npm: `echo "npm $*"  >>${called}; env >>${called}`,
  });
  const odd = {
    NODE_OPTIONS: '--nonsense',
    npm_config_prefix: '/nowhere',
    NPM_CONFIG_OMIT: 'dev',
    npm_config_registry: 'r',
  };
  const setUp = () => run({ PATH: path, TMPDIR: folder, ...odd }, join(folder, 'scripts/setup'), ['demo'], '/');
  return { setUp, calls: () => (existsSync(called) ? readFileSync(called, 'utf8') : '') };
}

t.test('a finished set-up installs nothing, however odd the environment', async (t) => {
  const { setUp, calls } = finished(t.testdir());
  const again = setUp();
  t.match(again.stdout, /^• Debian packages, Node 2\d\.\d+\.\d+, npm modules … ok\n$/);
  t.equal(again.status, 0, again.stderr);
  t.equal(calls(), '');
});

t.test('a changed lock file is installed once, without npm settings from around', async (t) => {
  const folder = t.testdir();
  const { setUp, calls } = finished(folder);
  writeFileSync(join(folder, 'package-lock.json'), '{ "packages": {} }');
  const first = setUp();
  t.equal(first.status, 0, first.stderr);
  t.match(calls(), /^npm ci --omit=dev /);
  t.match(calls(), 'npm_config_registry=r\n', 'the registry stays');
  t.notMatch(calls(), /nowhere|NPM_CONFIG_OMIT|nonsense/);
  const called = calls();
  t.equal(setUp().status, 0);
  t.equal(calls(), called);
});
