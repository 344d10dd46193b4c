import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Config, pathsOf } from '../../src/config.ts';
import { initSandbox } from '../../src/processes/init.ts';
import { unfixable } from '../../src/processes/lifecycle.ts';
import { openToken } from '../../src/processes/tokens.ts';
import { descendants } from '../helpers/processes.ts';
import { refused } from '../helpers/refused.ts';
import { freePort, startServe, untilReady } from '../helpers/sandbox.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { until } from '../helpers/until.ts';

async function installation(t: Test): Promise<Config> {
  const options = { port: await freePort(), store: { engine: 'sqlite' } } as const;
  return initSandbox(join(shortDirectory(t), 'd'), options);
}

function serve(t: Test, config: Config): ChildProcess {
  const supervisor = startServe(config);
  t.teardown(async () => {
    if (supervisor.exitCode !== null || supervisor.signalCode !== null) return;
    const ended = once(supervisor, 'exit');
    supervisor.kill('SIGTERM');
    await ended;
  });
  return supervisor;
}

const alive = (pid: number) => existsSync(`/proc/${pid}/exe`);
const named = (supervisor: ChildProcess, title: string) =>
  descendants(supervisor.pid!).filter((process) => process.title === title);

t.test('S72: whoever is killed is replaced, and no process outlives the supervisor', async (t) => {
  const config = await installation(t);
  const baseUrl = `http://127.0.0.1:${config.http.port}`;
  const supervisor = serve(t, config);
  await untilReady(baseUrl);
  const family = [{ pid: supervisor.pid! }, ...descendants(supervisor.pid!)];
  t.ok(family.length >= 8, 'supervisor, api, signer, ca and their token workers');
  for (const { pid } of family) {
    t.match(readFileSync(`/proc/${pid}/limits`, 'latin1'), /^Max core file size +0 +0 /m, 'writes no core dump');
  }
  for (const name of ['ca', 'signer'] as const) {
    const [victim] = named(supervisor, `kyso ${name}`);
    process.kill(victim!.pid, 'SIGKILL');
    await until(() => !alive(victim!.pid) && named(supervisor, `kyso ${name}`).length === 1);
    await untilReady(baseUrl, 5_000);
    t.pass(`serving again within 5 s after kill -9 of ${name}`);
  }

  const orphans = descendants(supervisor.pid!);
  const ended = once(supervisor, 'exit');
  supervisor.kill('SIGKILL');
  await ended;
  const again = serve(t, config);
  await until(() => !orphans.some(({ pid }) => alive(pid)));
  t.pass('kill -9 of the supervisor leaves no process');
  await untilReady(baseUrl);
  t.equal(again.exitCode, null, 'and a supervisor that is started at once finds everything free');

  const starting = named(again, 'kyso signer')[0]!;
  process.kill(starting.pid, 'SIGKILL');
  await until(() => named(again, 'kyso signer').some(({ pid }) => pid !== starting.pid));
  const last = descendants(again.pid!);
  again.kill('SIGKILL');
  await until(() => !last.some(({ pid }) => alive(pid)));
  t.pass('nor does one that was still starting stay');
});

t.test('S54: a PIN that the token refused is not tried again, not even by a new start', async (t) => {
  const config = await installation(t);
  const paths = pathsOf(config);
  const pinFile = join(paths.secrets, 'signer.pin');
  const right = readFileSync(pinFile);
  writeFileSync(pinFile, 'not-the-pin');
  const first = serve(t, config);
  const [code] = await once(first, 'exit');
  t.equal(code, unfixable, 'the supervisor gives up');
  t.ok(existsSync(join(paths.own('signer'), 'token-pin-refused')));

  const tokens = join(paths.token('signer'), 'tokens');
  renameSync(tokens, `${tokens}-away`);
  await t.rejects(openToken(config, 'signer', Buffer.from('not-the-pin')), refused('tokenPinRefused'));
  const unreachable = await openToken(config, 'signer', Buffer.from('another-one'));
  await unreachable.stop();
  await t.rejects(
    openToken(config, 'signer', Buffer.from('not-the-pin')),
    refused('tokenPinRefused'),
    'still remembered after a start that reached no token',
  );
  renameSync(`${tokens}-away`, tokens);

  const token = await openToken(config, 'signer', right);
  t.ok(token.status().ready, 'the right PIN opens it');
  await token.stop();
  t.notOk(existsSync(join(paths.own('signer'), 'token-pin-refused')), 'and ends the memory of the wrong one');
});

t.test('a supervisor that lacks a PIN says so before it starts anything', async (t) => {
  const config = await installation(t);
  rmSync(join(pathsOf(config).secrets, 'ca.pin'));
  const supervisor = serve(t, config);
  const [code] = await once(supervisor, 'exit');
  t.equal(code, 1);
});

t.test('a sandbox is never made over a directory with things of somebody else', async (t) => {
  const directory = t.testdir({ ca: { 'precious.txt': 'x' } });
  await t.rejects(initSandbox(directory, { port: 8700, store: { engine: 'sqlite' } }), refused('configuration'));
  t.ok(existsSync(join(directory, 'ca', 'precious.txt')));
});
