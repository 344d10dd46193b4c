import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { pathsOf } from '../../src/config.ts';
import { group, tierFor, users } from '../../src/processes/users.ts';
import { descendants } from '../helpers/processes.ts';
import { callRaw, startSandbox, untilReady } from '../helpers/sandbox.ts';

/** Whether a user of Kyso's group may read a file, asked of the kernel. */
function mayRead(uid: number, path: string): boolean {
  return spawnSync('head', ['-c', '1', path], { uid, gid: group }).status === 0;
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

t.test('S49: api maps no PKCS#11 library; only token workers do', async (t) => {
  const sandbox = await startSandbox(t);
  const processes = descendants(sandbox.supervisor.pid!);
  const maps = (pid: number) => readFileSync(`/proc/${pid}/maps`, 'latin1');
  const named = (title: string) => processes.filter((process) => process.title === title);
  for (const title of ['kyso api', 'kyso signer', 'kyso ca', 'kyso notify', 'kyso catcher']) {
    t.equal(named(title).length, 1, title);
    t.notMatch(maps(named(title)[0]!.pid), /softhsm|pkcs11/, `${title} maps none`);
  }
  const workers = [...named('kyso signer'), ...named('kyso ca')].flatMap(({ pid }) => descendants(pid));
  t.ok(workers.length >= 4 && workers.every(({ pid }) => /softhsm/.test(maps(pid))), 'token workers do');

  const secrets = filesBelow(pathsOf(sandbox.config).secrets).filter((file) => !file.endsWith('.json'));
  const values = secrets.map((file) => readFileSync(file, 'latin1'));
  t.ok(values.length >= 5, 'PINs, and the keys of outbox and catcher');
  for (const { pid, title } of processes) {
    const visible = readFileSync(`/proc/${pid}/environ`, 'latin1') + readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    t.notOk(
      values.some((value) => visible.includes(value)),
      `S55: no secret in environment or arguments of ${title}`,
    );
  }
});

t.test(
  'under separate users, what belongs to signer and ca is closed to api',
  { skip: tierFor('/').why ?? false },
  async (t) => {
    const sandbox = await startSandbox(t);
    const { config } = sandbox;
    const paths = pathsOf(config);
    const ready = await fetch(`${sandbox.baseUrl}/health/ready`);
    t.match(await ready.json(), { tier: 'production' });

    const processes = descendants(sandbox.supervisor.pid!);
    const one = (name: keyof typeof users) => processes.find((process) => process.title === `kyso ${name}`)!;
    for (const name of ['api', 'signer', 'ca', 'notify', 'catcher'] as const) {
      t.equal(statSync(`/proc/${one(name).pid}`).uid, users[name], `${name} runs as its own user`);
      t.match(readFileSync(`/proc/${one(name).pid}/status`, 'latin1'), /^Groups:\s*$/m, 'without supplementary groups');
    }
    const closed = [
      ...filesBelow(paths.own('signer')),
      ...filesBelow(paths.own('ca')),
      ...filesBelow(paths.own('notify')),
      ...filesBelow(paths.secrets),
      ...(['environ', 'mem', 'maps'] as const).flatMap((file) => [
        `/proc/${one('signer').pid}/${file}`,
        `/proc/${one('notify').pid}/${file}`,
      ]),
      ...descendants(one('signer').pid).map(({ pid }) => `/proc/${pid}/environ`),
      join(config.directory, 'sandbox.json'),
    ];
    t.ok(
      closed.some((file) => file.endsWith('store.db')) && closed.some((file) => file.includes('token')),
      'the list is not empty',
    );
    t.same(
      closed.filter((file) => mayRead(users.api, file)),
      [],
      "api's user opens none of them",
    );
    t.ok(mayRead(users.signer, join(paths.own('signer'), 'store.db')), 'while signer opens its own');
    t.notOk(mayRead(users.signer, join(paths.own('ca'), 'store.db')), "and not ca's");
    t.notOk(mayRead(users.ca, join(paths.own('signer'), 'store.db')), "nor ca signer's");
  },
);

t.test('S26, S51: a token that is out of reach answers 503 with nothing spent, and comes back by itself', async (t) => {
  const sandbox = await startSandbox(t);
  const person = await sandbox.newPerson();
  const token = await person.login();
  const hash = [createHash('sha256').update('x').digest('base64')];
  const credentialID = person.credentialIDs[0];
  const factors = { PIN: person.holder.pin, OTP: await person.nextCode() };
  const { body } = await callRaw(`${sandbox.csc}/credentials/authorize`, token, {
    credentialID,
    numSignatures: 1,
    hash,
    ...factors,
  });
  const sign = () =>
    callRaw(`${sandbox.csc}/signatures/signHash`, token, {
      credentialID,
      SAD: body.SAD,
      hash,
      signAlgo: '1.2.840.10045.4.3.2',
    });

  const directory = pathsOf(sandbox.config).token('signer');
  renameSync(join(directory, 'tokens'), join(directory, 'away'));
  const signer = descendants(sandbox.supervisor.pid!).find(({ title }) => title === 'kyso signer');
  for (const { pid } of descendants(signer!.pid)) process.kill(pid, 'SIGKILL');
  await delay(500);
  const refused = await sign();
  t.equal(refused.status, 503);
  t.match(refused.body, { error: 'temporarily_unavailable' });
  t.notMatch(JSON.stringify(refused.body), /CKR|token|pkcs/i, 'without PKCS#11 text');
  t.equal((await fetch(`${sandbox.baseUrl}/health/ready`)).status, 503, 'and /health/ready says so');
  t.equal((await fetch(`${sandbox.baseUrl}/health/live`)).status, 200, 'while api lives');

  renameSync(join(directory, 'away'), join(directory, 'tokens'));
  await untilReady(sandbox.baseUrl);
  t.equal((await sign()).status, 200, 'the same SAD still signs');
});
