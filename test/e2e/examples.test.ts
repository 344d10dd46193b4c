import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startSandbox } from '../helpers/sandbox.ts';
import { shortDirectory } from '../helpers/temp.ts';

const root = join(import.meta.dirname, '..', '..');
const examples = join(root, 'docs', 'clients');
const missing = (command: string) =>
  spawnSync('sh', ['-c', `command -v ${command}`]).status === 0 ? false : `no ${command}`;

/** Runs a command with exactly this environment, by way of env(1): tap's hooks would come back into Node otherwise. */
async function run(cwd: string, environment: Record<string, string>, ...command: string[]) {
  const settings = Object.entries({ PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...environment });
  const child = spawn('env', ['-i', ...settings.map(([name, value]) => `${name}=${value}`), ...command], {
    ...{ cwd, stdio: ['ignore', 'pipe', 'pipe'] },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += String(chunk)));
  const [code] = await once(child, 'exit');
  return { code, said };
}

t.test('the examples of docs/clients sign, as they stand', async (t) => {
  const sandbox = await startSandbox(t);
  const person = await sandbox.newPerson(['RSA-2048', { keyType: 'EC-P384', otp: 'email' }]);
  const { holder } = person;
  const directory = shortDirectory(t);
  writeFileSync(join(directory, 'message.txt'), 'Xin chào');
  const environment = {
    ...{ KYSO_URL: sandbox.csc, KYSO_USER: holder.userID, KYSO_PASSWORD: holder.password, KYSO_PIN: holder.pin },
    KYSO_MAIL: sandbox.file.mail.url,
  };
  const withCode = async () => ({ ...environment, KYSO_OTP: await person.nextCode() });
  const verified = (signature: string, key: string) =>
    run(directory, {}, 'openssl', 'dgst', '-sha256', '-verify', key, '-signature', signature, 'message.txt');

  await t.test('curl, with a code by e-mail', async (t) => {
    const { code, said } = await run(directory, environment, join(examples, 'email-code.sh'), 'message.txt');
    t.equal(code, 0, said);
    t.match(said, /Verified OK[\s\S]*logged out/);
  });

  await t.test('Python', { skip: missing('python3') }, async (t) => {
    const script = join(examples, 'sign_hash.py');
    const { code, said } = await run(directory, await withCode(), 'python3', script, 'message.txt', 'python.sig');
    t.equal(code, 0, said);
    spawnSync('sh', ['-c', 'openssl x509 -in python.sig.pem -pubkey -noout > python.pub'], { cwd: directory });
    t.match((await verified('python.sig', 'python.pub')).said, 'Verified OK');
    const wrong = await run(directory, { ...environment, KYSO_OTP: '000000' }, 'python3', script, 'message.txt', 'x');
    t.match(wrong, { code: 1, said: /credentials\/authorize: The OTP is invalid/ });
  });

  await t.test('Java', { skip: missing('java') }, async (t) => {
    const source = join(examples, 'SignHash.java');
    const { code, said } = await run(directory, await withCode(), 'java', source, 'message.txt', 'java.sig');
    t.equal(code, 0, said);
    t.match((await verified('java.sig', 'python.pub')).said, 'Verified OK', 'with the same key as before');
  });

  await t.test('Node, with the kit', async (t) => {
    const kit = await run(root, {}, process.execPath, join(root, 'scripts', 'pack-client.ts'));
    t.equal(kit.code, 0, kit.said);
    copyFileSync(join(root, 'docs', 'sample', 'giay-xac-nhan.pdf'), join(directory, 'in.pdf'));
    const script = join(examples, 'sign-pdf.mjs');
    const { code, said } = await run(directory, await withCode(), process.execPath, script, 'in.pdf', 'out.pdf');
    t.equal(code, 0, said);
    const judged = await run(directory, {}, 'pdfsig', '-nocert', 'out.pdf');
    t.match(judged.said, 'Signature is Valid.');
    t.ok(readFileSync(join(directory, 'out.pdf')).includes('%PDF'));
  });
});
