import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes, verify, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { sha256 } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { authenticator } from '../../src/cli/one-time-code.ts';
import { enrolPerson } from '../../src/cli/sandbox.ts';
import { cscClient } from '../../src/client/index.ts';
import { type Config, pathsOf } from '../../src/config.ts';
import { linksOf, secretFiles } from '../../src/processes/boot.ts';
import { initSandbox } from '../../src/processes/init.ts';
import { group, tierFor, users } from '../../src/processes/users.ts';
import { freePort, untilReady } from '../helpers/sandbox.ts';
import { shortDirectory } from '../helpers/temp.ts';

const root = join(import.meta.dirname, '..', '..');
const deploy = join(root, 'scripts', 'deploy');
const names = ['catcher', 'notify', 'signer', 'ca', 'api'] as const;
type Name = (typeof names)[number];

/** An installation as `scripts/deploy/systemd` and the compose file lay it down, with the sandbox's catcher besides. */
async function install(t: Test): Promise<{ config: Config; out: string }> {
  const directory = join(shortDirectory(t), 'd');
  const config = await initSandbox(directory, { port: await freePort(), store: { engine: 'sqlite' } });
  mkdirSync(join(directory, 'run'), { mode: 0o755 });
  for (const name of ['api', 'signer', 'ca', 'notify'] as const) {
    const socket = join(directory, 'run', name);
    mkdirSync(socket);
    chmodSync(socket, 0o750);
    chownSync(socket, users[name], group);
  }
  const out = join(directory, '..', 'run', 'credentials');
  const laid = spawnSync(join(deploy, 'credentials'), [directory, out], { encoding: 'utf8' });
  t.equal(laid.status, 0, laid.stderr);
  const catcher = join(out, 'catcher');
  mkdirSync(catcher);
  writeFileSync(join(catcher, 'catcher-key'), readFileSync(join(pathsOf(config).secrets, 'catcher-key')));
  return { config, out };
}

/** One process under its own user, with nothing but its credentials; what it says goes to `log`. */
function startAlone(
  t: Test,
  { config, out }: { config: Config; out: string },
  name: Name,
  log: string[],
): ChildProcess {
  const settings = [`PATH=${process.env.PATH}`, `CREDENTIALS_DIRECTORY=${join(out, name)}`];
  const command = [process.execPath, join(root, 'src', 'main.ts'), name, '--dir', config.directory];
  const child = spawn('env', ['-i', ...settings, ...command], {
    ...{ uid: users[name], gid: group, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] },
  });
  child.stderr?.on('data', (chunk) => log.push(String(chunk)));
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  return child;
}

t.test(
  'S2, S55: each process starts alone, under its own user, with its own credentials',
  {
    skip: tierFor('/').why ?? false,
  },
  async (t) => {
    const { config, out } = await install(t);
    await t.test('S55: a process gets its own links and secrets, readable for it alone', async (t) => {
      for (const name of ['api', 'signer', 'ca', 'notify'] as const) {
        const files = readdirSync(join(out, name)).sort();
        t.same(files, [...linksOf(name).map((link) => `link-${link}`), ...secretFiles[name]].sort(), name);
        for (const file of ['.', ...files]) {
          const { uid, gid, mode } = statSync(join(out, name, file));
          t.same([uid, gid, mode & 0o277], [users[name], group, 0], `${name}/${file}`);
        }
      }
      const link = (name: Name) => readFileSync(join(out, name, 'link-api-signer'), 'utf8');
      t.equal(link('api'), link('signer'), 'both ends have one key');
      t.equal(statSync(pathsOf(config).operatorKey).uid, 0);
      t.equal(statSync(pathsOf(config).operatorKey).mode & 0o077, 0);
    });

    const log: string[] = [];
    for (const name of names) if (name === 'catcher') chownSync(join(out, name), users[name], group);
    const processes = new Map(names.map((name) => [name, startAlone(t, { config, out }, name, log)]));
    const baseUrl = `http://127.0.0.1:${config.http.port}`;
    await untilReady(baseUrl, 60_000);
    t.match(await (await fetch(`${baseUrl}/health/ready`)).json(), { tier: 'production' });

    await t.test('S10, S12: a person is made by the operator, and signs', async (t) => {
      const userID = 'deploy.test';
      const subject = { commonName: 'Lê Thị Thử', organisation: 'Kyso', organisationalUnits: [] };
      const contacts = { email: `${userID}@example.vn`, phone: '+84900000009' };
      const made = await enrolPerson(config, baseUrl, { userID, name: 'Lê Thị Thử', ...contacts, subject }, [
        { keyType: 'EC-P256', otp: 'totp' },
      ]);
      const { holder, lastStep } = made;
      const csc = cscClient({ baseUrl: `${baseUrl}/csc/v1` });
      const { accessToken } = await csc.login(userID, holder.password);
      const [credentialID] = await csc.credentialsList(accessToken);
      const { cert } = await csc.credentialsInfo(accessToken, credentialID!);
      const document = randomBytes(40);
      const hash = [sha256(document)];
      const OTP = await authenticator(holder.totpSecret, systemClock, lastStep).nextCode();
      const { SAD } = await csc.authorize(accessToken, { credentialID: credentialID!, hash, PIN: holder.pin, OTP });
      const signAlgo = '1.2.840.10045.4.3.2';
      const [signature] = await csc.signHash(accessToken, { credentialID: credentialID!, SAD, hash, signAlgo });
      t.ok(verify('sha256', document, new X509Certificate(cert.certificates[0]).publicKey, signature!));
    });

    await t.test('S72: each stops when it is asked to', async (t) => {
      for (const name of names.toReversed()) {
        const child = processes.get(name)!;
        child.kill('SIGTERM');
        const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
        t.equal(code, 0, name);
      }
      t.notMatch(log.join(''), /core dumps could not/);
    });
  },
);
