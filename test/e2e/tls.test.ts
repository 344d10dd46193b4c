import { once } from 'node:events';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { initSandbox } from '../../src/processes/init.ts';
import { opensslCa } from '../helpers/openssl-ca.ts';
import { descendants } from '../helpers/processes.ts';
import { freePort, startServe } from '../helpers/sandbox.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { until } from '../helpers/until.ts';

t.test('kyso serve over TLS of its own, and a renewed certificate with the next start of api', async (t) => {
  const files = shortDirectory(t);
  const ca = opensslCa(files);
  const directory = join(files, 'd');
  const port = await freePort();
  const config = await initSandbox(directory, { port, store: { engine: 'sqlite' } });
  const tls = { certificate: 'tls.pem', key: 'secrets/tls.key' };
  const plain = await freePort();
  writeFileSync(
    join(directory, 'kyso.json'),
    JSON.stringify({
      ...JSON.parse(readFileSync(join(directory, 'kyso.json'), 'utf8')),
      http: { ...config.http, tls },
      pki: { listen: { host: '127.0.0.1', port: plain } },
    }),
  );
  const install = (name: string) => {
    const made = ca.server(name, { names: 'IP:127.0.0.1' });
    copyFileSync(made.certificate, join(directory, tls.certificate));
    chmodSync(join(directory, tls.certificate), 0o644);
    copyFileSync(made.key, join(directory, tls.key));
    chmodSync(join(directory, tls.key), 0o600);
  };
  install('first');
  const supervisor = startServe(config);
  t.teardown(async () => {
    supervisor.kill('SIGTERM');
    if (supervisor.exitCode === null) await once(supervisor, 'exit');
  });

  const shown = () =>
    new Promise<string | undefined>((resolve) => {
      const socket = connectTls({ port, host: '127.0.0.1', ca: ca.root }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.once('error', () => resolve(undefined));
    });
  const ready = () =>
    new Promise<number | undefined>((resolve) => {
      request({ port, host: '127.0.0.1', ca: ca.root, path: '/health/ready', agent: false }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode));
      })
        .once('error', () => resolve(undefined))
        .end();
    });
  await until(async () => (await ready()) === 200);
  t.equal(await shown(), 'first');

  const over = async (path: string) => (await fetch(`http://127.0.0.1:${plain}${path}`)).status;
  t.equal(await over('/pki/ca/root-1.cer'), 200, 'what certificates name is there over plain HTTP');
  t.equal(await over('/health/live'), 404, 'and nothing else is');

  install('second');
  t.equal(await shown(), 'first', 'the running process keeps what it has');
  const api = descendants(supervisor.pid ?? 0).find(({ title }) => title === 'kyso api');
  if (!api) throw new Error('api is not there');
  process.kill(api.pid, 'SIGTERM');
  await until(async () => (await shown()) === 'second');
  await until(async () => (await ready()) === 200);
  t.pass('after its restart, which the supervisor makes, api has the renewed one');

  writeFileSync(join(directory, tls.certificate), 'no certificate');
  const ended = once(supervisor, 'exit');
  const now = descendants(supervisor.pid ?? 0).find(({ title }) => title === 'kyso api');
  if (now) process.kill(now.pid, 'SIGTERM');
  const [code] = await ended;
  t.equal(code, 78, 'with a broken one it says so and stops');
});
