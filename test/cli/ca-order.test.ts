import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { certificatePem } from '../../src/pki/pem.ts';
import { initSandbox } from '../../src/processes/init.ts';
import { line } from '../helpers/certification-authority.ts';
import { codeOf, organisationKey } from '../helpers/proofs.ts';
import { freePort, startServe, untilReady } from '../helpers/sandbox.ts';
import { shortDirectory } from '../helpers/temp.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const password = 'một mật khẩu dài';

t.test('S82: an organisation, two officers and their lists by kyso ca, with the real signer', async (t) => {
  const directory = shortDirectory(t);
  const config = await initSandbox(join(directory, 'd'), { port: await freePort(), store: { engine: 'sqlite' } });
  const served = startServe(config);
  t.teardown(async () => {
    const ended = new Promise((resolve) => served.once('exit', resolve));
    served.kill('SIGTERM');
    await ended;
  });
  await untilReady(`http://127.0.0.1:${config.http.port}`, 60_000);

  const run = (args: string[], input: string[] = []) => {
    const command = [process.execPath, main, 'ca', ...args, '--dir', config.directory];
    const options = { input: input.map((each) => `${each}\n`).join(''), encoding: 'utf8' } as const;
    const { status, stdout, stderr } = spawnSync('env', ['-i', `PATH=${process.env.PATH}`, ...command], options);
    return { status, stdout, stderr };
  };
  const good = (args: string[], input: string[] = []) => {
    const { status, stdout, stderr } = run(args, input);
    t.equal(status, 0, `${args.join(' ')} ${stderr}`);
    return stdout;
  };
  const [an, binh] = ['an', 'binh'].map(
    (user) => /otpauth:\S+/.exec(good(['officer', 'add', user, '--name', user], [password]))?.[0] ?? '',
  );
  const key = await organisationKey(Date.now() - 60_000);
  const files = { key: join(directory, 'key'), certificate: join(directory, 'certificate') };
  writeFileSync(files.key, key.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(files.certificate, certificatePem(key.certificate));
  good(['organisation', 'add', 'school', '--name', 'Trường THCS số 1']);
  good(['organisation', 'enrol', 'school', files.certificate]);
  t.match(good(['organisation', 'list']), /school +Trường THCS số 1 +active\n +[0-9a-f]{64} +enrolled/);
  t.match(good(['officer', 'list']), /^an +an +officer +active$/m);

  /** Signs, hands in, checks and approves a list; `step` chooses codes that were not used yet. */
  async function certified(name: string, lines: object[], step: number): Promise<string[][]> {
    const list = join(directory, `${name}.json`);
    const [statement, signature] = [join(directory, `${name}.txt`), join(directory, `${name}.p7s`)];
    writeFileSync(list, JSON.stringify({ organisation: 'school', lines }));
    writeFileSync(statement, good(['order', list, '--statement']));
    const by = ['-signer', files.certificate, '-inkey', files.key, '-out', signature];
    execFileSync('openssl', ['cms', '-sign', '-cades', '-binary', '-outform', 'DER', '-in', statement, ...by]);
    const at = Date.now() + step * 30_000;
    const wrong = run(['order', list, '--signature', signature, '--check-as', 'an'], [password, '000000']);
    t.match(wrong, { status: 1, stderr: /wrong user, password or code/ });
    t.notMatch(wrong.stderr, /at .*\.ts:/, 'no stack');
    t.match(
      good(['order', list, '--signature', signature, '--check-as', 'an'], [password, codeOf(an!, at)]),
      /accepted/,
    );
    good(['order', list, '--signature', signature, '--approve-as', 'binh'], [password, codeOf(binh!, at)]);
    for (let tries = 0; tries < 200; tries += 1) {
      const rows = [...good(['order', list]).matchAll(/^ {2}[0-9a-f]{64} +(\S+) +(\S+) +(\S+) +(\S+)/gm)];
      if (rows.length === lines.length && rows.every((row) => row[2] === 'active'))
        return rows.map((row) => row.slice(1));
      await delay(200);
    }
    throw new Error(`the lines of ${name} do not become active`);
  }

  const issue = (serial: number) => ({ procedure: 'issue', ...line, serial });
  const first = await certified('first', [issue(1), issue(2), issue(3)], 0);
  const present = first.map(([, , credentialID, certificate]) => ({ credentialID, certificate }));
  const subject = { ...line.subject, organisationalUnits: ['TRƯỜNG TIỂU HỌC HOA SEN'] };
  const further = [
    { procedure: 'renew', ...present[0] },
    { procedure: 'change', ...present[1], subject, email: 'anh@songhong.vn' },
    { procedure: 'rekey', ...present[2] },
  ];
  const second = await certified('second', further, 1);
  t.strictSame(
    second.map(([, , id]) => id),
    first.map(([, , id]) => id),
    'the credentials stay',
  );
});
