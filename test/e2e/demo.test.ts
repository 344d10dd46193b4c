import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { complaintsFromStore } from '../client/store-judges.ts';
import { descendants } from '../helpers/processes.ts';
import { freePort } from '../helpers/sandbox.ts';
import { shortDirectory } from '../helpers/temp.ts';

const kyso = join(import.meta.dirname, '..', '..', 'scripts', 'kyso');

/** Runs `kyso …` as a person would, with a clean environment. */
function start(...args: string[]) {
  const child = spawn('env', ['-i', `PATH=${process.env.PATH}`, `HOME=${process.env.HOME}`, kyso, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output.text += String(chunk)));
  return { child, output, ended: once(child, 'exit').then(([code]) => ({ code: code as number, text: output.text })) };
}

async function until(condition: () => boolean, milliseconds = 60_000): Promise<void> {
  for (const end = performance.now() + milliseconds; !condition(); await delay(50)) {
    if (performance.now() > end) throw new Error('it did not happen in time');
  }
}

t.test('kyso demo --once signs, has outside tools verify, and exits 0; a second run reuses the sandbox', async (t) => {
  const dir = join(shortDirectory(t), 'd');
  const port = String(await freePort());
  const first = await start('demo', '--once', '--dir', dir, '--port', port).ended;
  t.equal(first.code, 0, first.text);
  t.match(first.text, /pdfsig: ✓ .*Signature is Valid/);
  t.match(first.text, /openssl cms -verify -cades: ✓ .*successful/);
  t.match(first.text, /openssl ts -verify: ✓ Verification: OK/);
  t.match(first.text, /level +B-LT, timestamp 20\S+Z, 5 certificates, 2 OCSP responses, 1 CRLs/);
  t.match(first.text, /E-mail → gv\.binh@.*Khóa ký của bạn vừa được sử dụng/, 'S87: the holder is told');
  const before = JSON.parse(readFileSync(join(dir, 'sandbox.json'), 'utf8'));

  const signed = join(dir, 'signed', 'giay-xac-nhan-signed.pdf');
  const second = await start('demo', '--once', '--dir', dir, '--port', port, signed).ended;
  t.equal(second.code, 0, second.text);
  t.match(second.text, /sandbox of an earlier run/);
  t.same(JSON.parse(readFileSync(join(dir, 'sandbox.json'), 'utf8')), before, 'same people, same keys');
  const twice = readFileSync(join(dir, 'signed', 'giay-xac-nhan-signed-signed.pdf'));
  const once = readFileSync(signed);
  for (const [pdf, index] of [
    [once, 0],
    [twice, 0],
    [twice, 1],
  ] as const)
    t.same(complaintsFromStore(pdf, index), [], 'openssl takes it with nothing but the file');
  t.ok(twice.subarray(0, once.length).equals(once), 'a second signature leaves the first revision as it was');

  writeFileSync(join(dir, 'broken.pdf'), 'not a PDF');
  const broken = await start('demo', '--once', '--dir', dir, '--port', port, join(dir, 'broken.pdf')).ended;
  t.equal(broken.code, 1);
  t.match(broken.text, /kyso demo: .*PDF/, 'a broken file gets a sentence');
  t.notMatch(broken.text, / {4}at /, 'and no stack');
  t.equal((await start('demo', '--port', 'x').ended).code, 1);
  t.equal((await start('demo', '--nonsense').ended).code, 2);
  t.equal((await start('nonsense').ended).code, 2);
});

t.test('S66: a demo that is killed while it sets up goes on the next time', async (t) => {
  const dir = join(shortDirectory(t), 'd');
  const port = String(await freePort());
  const victims = ['signer/store.db', 'enrolled/root.pem', 'secrets/sandbox-accounts.json'];
  for (const file of victims) {
    const { child } = start('demo', '--once', '--dir', dir, '--port', port);
    await until(() => existsSync(join(dir, file)));
    const below = descendants(child.pid!);
    child.kill('SIGKILL');
    await until(() => below.every(({ pid }) => !existsSync(`/proc/${pid}/exe`)), 15_000);
    t.pass(`killed when ${file} was there; nothing of it stays running`);
  }
  const last = await start('demo', '--once', '--dir', dir, '--port', port).ended;
  t.equal(last.code, 0, last.text);
});

t.test('Ctrl-C stops everything, and a taken port is named', async (t) => {
  const dir = join(shortDirectory(t), 'd');
  const port = String(await freePort());
  const { child, output, ended } = start('demo', '--dir', dir, '--port', port);
  await until(() => output.text.includes('Ctrl-C'), 90_000);
  const taken = await start('serve', '--dir', dir).ended;
  t.equal(taken.code, 78, taken.text);
  t.match(
    taken.text,
    /cannot listen on 127\.0\.0\.1:\d+: choose another port|is Kyso already running in this directory/,
  );
  t.equal((await fetch(`http://127.0.0.1:${port}/health/ready`)).status, 200, 'the first one goes on');
  const below = descendants(child.pid!);
  t.ok(below.length > 5);
  process.kill(child.pid!, 'SIGINT');
  t.equal((await ended).code, 0);
  t.same(
    below.filter(({ pid }) => existsSync(`/proc/${pid}/exe`)),
    [],
    'no process stays',
  );
});
