/**
 * S44 by the clock: can a stranger tell by the time of an answer which user IDs and credentials exist? Run it on a calm
 * machine: `npm run timing [-- TRIES]`. Ends with 1 when a bound is broken.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../src/base/ids.ts';
import { populate } from '../src/cli/sandbox.ts';
import { pinCost } from '../src/crypto/argon2.ts';
import { buildApi } from '../src/http/api.ts';
import { loginDesk } from '../src/http/logins.ts';
import { initSandbox } from '../src/processes/init.ts';
import { apiDomain } from '../src/store/api/tables.ts';
import { openStore } from '../src/store/open-store.ts';
import { interleaved, report } from './interleaved.ts';

const tries = Number(process.argv[2] ?? 400);
const directory = mkdtempSync(join(tmpdir(), 'kyso-timing-'));
try {
  const bounds = [await loginTimes(), ...(await credentialTimes())];
  process.exitCode = bounds.every(Boolean) ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/**
 * auth/login at the real cost of a password, over HTTP. The server believes our X-Forwarded-For, so that each try comes
 * from a source of its own and no throttle ends the measurement; the locked account stays so, since time stands still.
 */
async function loginTimes(): Promise<boolean> {
  const store = await openStore(apiDomain, { engine: 'sqlite', file: join(directory, 'api.db') });
  const startedAt = Date.now();
  const clock = { now: () => startedAt, monotonic: () => performance.now() };
  const nobody = { call: () => Promise.reject(new Error('not asked here')), connected: () => false, close() {} };
  const config = {
    ...{ publicUrl: 'http://127.0.0.1', name: 'Kyso', tier: 'development' as const, trustedProxies: ['127.0.0.1'] },
    ...{ log: { level: 'silent' as const }, passwordCost: pinCost },
  };
  const app = await buildApi({ config, signer: nobody, ca: nobody, store, clock });
  const url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/csc/v1/auth/login`;

  // An account locks after a hundred wrong tries from all sources: none of these gets as many.
  const accounts = Array.from({ length: Math.ceil(tries / 50) + 1 }, (_, n) => `user-${n}`);
  const desk = loginDesk({ store, clock, cost: pinCost });
  for (const userID of accounts) await desk.enrol(userID, `subscriber of ${userID}`, 'the right password');
  await desk.enrol('locked', 'subscriber of locked', 'the right password');

  let count = 0;
  const login = async (userID: string, source = sourceOf(count++)) => {
    const authorization = `Basic ${btoa(`${userID}:a wrong password`)}`;
    const headers = { authorization, 'content-type': 'application/json', 'x-forwarded-for': source };
    const answer = await fetch(url, { method: 'POST', headers, body: '{}' });
    const { error } = (await answer.json()) as { error?: string };
    if (error !== 'authentication_error') throw new Error(`auth/login answers ${answer.status} ${error}`);
  };
  for (let n = 0; n < 5; n += 1) await login('locked', '192.0.2.1');

  const someOf = (names: string[]) => names[count % names.length] ?? '';
  const times = await interleaved(tries, {
    'unknown user': () => login(`unknown-${count}`),
    'wrong password': () => login(someOf(accounts)),
    locked: () => login('locked', '192.0.2.1'),
    'no password set': () => login(someOf(accounts.map((userID) => `${userID}-not-activated`))),
  });
  await app.close();
  await store.close();
  return report('auth/login', times);
}

function sourceOf(count: number): string {
  return `10.${(count >> 16) & 255}.${(count >> 8) & 255}.${count & 255}`;
}

/** credentials/info and credentials/authorize of a whole Kyso with its four processes, as `kyso serve` starts them. */
async function credentialTimes(): Promise<boolean[]> {
  const port = await freePort();
  const config = await initSandbox(join(directory, 'd'), { port, store: { engine: 'sqlite' } });
  const main = join(import.meta.dirname, '..', 'src', 'main.ts');
  const kyso = spawn(process.execPath, [main, 'serve', '--dir', config.directory], { stdio: ['ignore', 'ignore', 2] });
  try {
    const { csc, subscriber, otherCredentials } = await populate(config, `http://127.0.0.1:${port}`, () => {});
    const call = async (method: string, body: object, authorization: string) => {
      const headers = { authorization, 'content-type': 'application/json' };
      const answer = await fetch(`${csc.v1}/${method}`, { method: 'POST', headers, body: JSON.stringify(body) });
      return (await answer.json()) as { access_token?: string; error_description?: string };
    };
    const basic = `Basic ${Buffer.from(`${subscriber.userID}:${subscriber.password}`).toString('base64')}`;
    const { access_token: token } = await call('auth/login', {}, basic);
    const refused = async (method: string, body: object) => {
      const { error_description: text } = await call(method, body, `Bearer ${token}`);
      if (text !== 'Invalid parameter credentialID') throw new Error(`${method} answers ${text}`);
    };
    const foreign = otherCredentials[0]?.credentialID ?? '';
    const factors = {
      numSignatures: 1,
      hash: [Buffer.alloc(32, 1).toString('base64')],
      PIN: '13572468',
      OTP: '123456',
    };
    const bounds: boolean[] = [];
    for (const [method, body] of [['credentials/info', {}] as const, ['credentials/authorize', factors] as const]) {
      const times = await interleaved(tries, {
        'unknown credential': () => refused(method, { ...body, credentialID: newId() }),
        'foreign credential': () => refused(method, { ...body, credentialID: foreign }),
      });
      bounds.push(report(method, times));
    }
    return bounds;
  } finally {
    const ended = once(kyso, 'exit');
    kyso.kill('SIGTERM');
    await ended;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
