import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { demo } from '../../src/cli/demo.ts';
import { serve } from '../../src/cli/serve.ts';

const config = {
  ...{ mode: 'sandbox', name: 'x', instance: 'signer-1', store: { engine: 'sqlite' } },
  http: { host: '127.0.0.1', port: 8700, trustedProxies: [] },
  pkcs11: { module: '/none', workers: 1 },
};

/** A supervisor whose processes never become ready, and which ends as it is told. */
const ending = (name: string | undefined) => () => ({
  ...{ tier: 'development', ready: new Promise<void>(() => {}), ended: Promise.resolve(name) },
  stop: async () => {},
});

t.test('exit codes: only a verified signature and an orderly stop are 0', async (t) => {
  const directory = t.testdir({ 'kyso.json': JSON.stringify(config), initialised: '' });
  const initSandbox = () => Promise.reject(new Error('it is initialised'));
  const run = (name: string | undefined) =>
    demo(['--once', '--dir', directory], { initSandbox, supervise: ending(name) });
  t.equal(await run(undefined), 130, 'stopped before there was anything to verify');
  await t.rejects(run('signer'), { kind: 'unavailable', message: /signer/ });
  t.equal(await serve(['--dir', directory], ending(undefined)), 0);
  t.equal(await serve(['--dir', directory], ending('signer')), 78);
});

t.test('what is wrong is said in a sentence, not by a stack', async (t) => {
  const directory = join(t.testdir(), 'd');
  mkdirSync(directory);
  const kyso = (...args: string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, '../../src/main.ts'), ...args, '--dir', directory], {
      encoding: 'utf8',
      env: {},
    });
  for (const [code, ...args] of [
    [1, 'serve'],
    [1, 'sandbox', 'get', 'csc.v1'],
    [1, 'sandbox', 'code'],
    [1, 'signer', 'init'],
    [1, 'ca', 'unknown-step'],
    [1, 'serve', '--port', '99999'],
    [2, 'serve', '--unknown'],
    [2, 'unknown'],
    [78, 'signer'],
  ] as const) {
    const { status, stderr } = kyso(...args);
    t.equal(status, code, args.join(' '));
    t.ok(stderr.length > 0);
    t.notMatch(stderr, /\n {4}at /, 'no stack');
  }
  writeFileSync(join(directory, 'kyso.json'), '{"mode":"service"}');
  const { status, stderr } = kyso('serve');
  t.equal(status, 1);
  t.match(stderr, 'kyso.json', 'the file is named');
});
