import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeHeapSnapshot } from 'node:v8';
import t from 'tap';
import { halfIn } from '../../src/cli/mailbox.ts';
import { pathsOf } from '../../src/config.ts';
import { descendants } from '../helpers/processes.ts';
import { callRaw, type Person, type Sandbox, startSandbox } from '../helpers/sandbox.ts';
import { contentsOf, filesBelow, findSecrets } from '../helpers/secrets.ts';
import { shortDirectory } from '../helpers/temp.ts';

const hash = [createHash('sha256').update('secret').digest('base64')];

t.test('S4, S45, S87: what a holder knows stands nowhere but in the message that delivers it', async (t) => {
  const snapshots = shortDirectory(t);
  chmodSync(snapshots, 0o777);
  const options = ['--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${snapshots}`];
  const sandbox = await startSandbox(t, { engine: 'sqlite' }, options);
  const person = await sandbox.newPerson([{ keyType: 'EC-P256', otp: 'email' }]);
  const secrets = await useEverything(sandbox, person);
  await otherTraffic(sandbox);

  await t.test('in no store, write-ahead log or other file of a process, in no log', async (t) => {
    const paths = pathsOf(sandbox.config);
    const own = (['signer', 'ca', 'api', 'notify'] as const).map(paths.own);
    const files = filesBelow(...own, join(sandbox.config.directory, 'run'), paths.enrolled);
    t.ok(files.filter((file) => file.endsWith('store.db')).length === 4, 'the four stores are among them');
    t.same(findSecrets({ ...contentsOf(files), 'standard error': sandbox.log.text }, secrets), []);
  });

  await t.test('in no heap snapshot after collection', async (t) => {
    const all = descendants(sandbox.supervisor.pid!);
    for (const title of ['kyso api', 'kyso signer', 'kyso notify']) {
      const victim = all.find((process) => process.title === title)!;
      const before = new Set(readdirSync(snapshots));
      process.kill(victim.pid, 'SIGUSR2');
      const file = await untilWritten(snapshots, before);
      t.same(findSecrets({ [title]: stringsOf(file) }, secrets), []);
    }
  });

  await t.test('and the checker finds what is planted', async (t) => {
    const planted = join(pathsOf(sandbox.config).own('signer'), 'planted');
    writeFileSync(planted, `x${secrets.pin}x 1 ${secrets.code} 2`);
    t.same(findSecrets(contentsOf([planted]), secrets), [`pin in ${planted}`, `code in ${planted}`]);
    const kept = { text: `${secrets.sad}` };
    const directory = join(snapshots, 'own');
    mkdirSync(directory);
    const own = writeHeapSnapshot(join(directory, 'own.heapsnapshot'));
    t.match(findSecrets({ own: stringsOf(own) }, { sad: kept.text }), ['sad in own']);
  });
});

/** The texts in a heap snapshot; before them stand its numbers, among which six digits mean nothing. */
function stringsOf(snapshot: string): string {
  const text = readFileSync(snapshot, 'utf8');
  return text.slice(text.lastIndexOf('"strings":['));
}

/** A holder's whole life with all secrets that there are; answers them by name. */
async function useEverything(sandbox: Sandbox, person: Person): Promise<Record<string, string>> {
  const { holder } = person;
  const [credentialID] = person.credentialIDs;
  const call = (method: string, token: string | undefined, body: object, headers = {}) =>
    callRaw(`${sandbox.csc}/${method}`, token, body, { connection: 'close', ...headers });
  const isHalf = ({ text }: { text: string }) => halfIn(text) !== undefined;
  const emailHalf = halfIn((await person.message('email', isHalf)).text)!;
  const smsHalf = halfIn((await person.message('sms', isHalf)).text)!;

  const basic = `Basic ${Buffer.from(`${holder.userID}:${holder.password}`).toString('base64')}`;
  const { body: login } = await call('auth/login', undefined, { rememberMe: true }, { authorization: basic });
  const { body: refreshed } = await call('auth/login', undefined, {
    refresh_token: login.refresh_token,
    rememberMe: true,
  });
  const token = refreshed.access_token;
  t.equal((await call('credentials/sendOTP', token, { credentialID })).status, 204);
  const isCode = ({ text }: { text: string }) => /\b\d{6}\b/.test(text) && !isHalf({ text });
  const code = /\b\d{6}\b/.exec((await person.message('email', isCode)).text)![0];
  const factors = { PIN: holder.pin, OTP: code };
  const authorized = await call('credentials/authorize', token, { credentialID, numSignatures: 1, hash, ...factors });
  t.equal(authorized.status, 200);
  const extended = await call('credentials/extendTransaction', token, { credentialID, SAD: authorized.body.SAD, hash });
  t.equal(extended.status, 200);
  const signed = await call('signatures/signHash', token, {
    ...{ credentialID, SAD: extended.body.SAD, hash, signAlgo: '1.2.840.10045.4.3.2' },
  });
  t.equal(signed.status, 200);

  const account = await subscriberLogin(sandbox, person);
  const newPin = `new-${holder.pin}`;
  const change = { pin: holder.pin, newPin };
  t.equal((await callRaw(`${sandbox.baseUrl}/subscriber/v1/pin`, account, change)).status, 204);
  return {
    ...{ pin: holder.pin, newPin, password: holder.password, totpSecret: holder.totpSecret, code, emailHalf, smsHalf },
    ...{ sad: authorized.body.SAD, extendedSad: extended.body.SAD, token, accountToken: account },
    ...{ refreshToken: login.refresh_token, nextRefreshToken: refreshed.refresh_token },
  };
}

async function subscriberLogin(sandbox: Sandbox, { holder }: Person): Promise<string> {
  const { userID, password } = holder;
  const answer = await callRaw(`${sandbox.baseUrl}/subscriber/v1/login`, undefined, { userID, password });
  t.equal(answer.status, 200);
  return answer.body.access_token;
}

/** What was last in hand stays in hand for a moment: other people come by, and connections end. */
async function otherTraffic(sandbox: Sandbox): Promise<void> {
  for (let n = 0; n < 3; n += 1) {
    const other = await sandbox.newPerson([{ keyType: 'EC-P256', otp: 'totp' }]);
    const token = await other.login();
    await callRaw(`${sandbox.csc}/credentials/authorize`, token, {
      ...{ credentialID: other.credentialIDs[0], numSignatures: 1, hash, PIN: other.holder.pin },
      OTP: await other.nextCode(),
    });
    await subscriberLogin(sandbox, other);
  }
}

async function untilWritten(directory: string, before: Set<string>): Promise<string> {
  for (let size = -1; ; await delay(500)) {
    const [name] = readdirSync(directory).filter((file) => !before.has(file));
    const now = name ? readFileSync(join(directory, name)).length : -1;
    if (name && now > 0 && now === size) return join(directory, name);
    size = now;
  }
}
