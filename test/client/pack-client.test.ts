import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { shortDirectory } from '../helpers/temp.ts';
import { createTestPki, newkeys, signDigest } from './certificates.ts';
import { cscService } from './csc-service.ts';
import { sample } from './documents.ts';
import { pdfsig } from './judges.ts';

const root = join(import.meta.dirname, '..', '..');
const modules = join(root, 'node_modules');

/** Runs a command with a clean environment, by way of env(1): tap's hooks would come back into Node otherwise. */
async function run(cwd: string, ...command: string[]): Promise<void> {
  const child = spawn('env', ['-i', `PATH=${process.env.PATH}`, ...command], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${command.slice(0, 2).join(' ')}: exit code ${code}\n${said}`);
}

/** An integrator's project with the packed kit installed: its files as npm would pack them, and its dependencies alone. */
async function installKit(directory: string): Promise<void> {
  const kit = join(directory, 'node_modules', 'kyso-client');
  await run(root, process.execPath, join(root, 'scripts', 'pack-client.ts'), kit);
  const { dependencies } = JSON.parse(readFileSync(join(kit, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    const place = join(directory, 'node_modules', name);
    mkdirSync(join(place, '..'), { recursive: true });
    symlinkSync(join(modules, name), place);
  }
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
}

t.test('npm run pack:client: JavaScript that signs a PDF, and types that a TypeScript project takes', async (t) => {
  const directory = shortDirectory(t);
  await installKit(directory);
  const pki = createTestPki(t);
  const signer = pki.signer(newkeys['EC-P256']);
  const service = await cscService(t, ({ method, body }) => {
    const answers: Record<string, () => object> = {
      'auth/login': () => ({ access_token: 'token' }),
      'credentials/list': () => ({ credentialIDs: ['c1'] }),
      'credentials/info': () => ({
        key: { status: 'enabled', algo: ['1.2.840.10045.4.3.2'], len: 256 },
        cert: { certificates: signer.chain.map((der) => der.toString('base64')) },
        ...{ authMode: 'explicit', SCAL: '2', PIN: { presence: 'true' }, OTP: { presence: 'true' }, multisign: 10 },
      }),
      'credentials/authorize': () => ({ SAD: 'sad' }),
      'signatures/signHash': () => ({
        signatures: (body.hash as string[]).map((hash) =>
          signDigest(pki, signer, Buffer.from(hash, 'base64')).toString('base64'),
        ),
      }),
      'auth/revoke': () => ({}),
    };
    return { body: answers[method]?.() };
  });

  writeFileSync(join(directory, 'in.pdf'), sample);
  const program = `import { readFileSync, writeFileSync } from 'node:fs';
import { cscClient, signPdf, type SignPdfOptions } from 'kyso-client';

const options: SignPdfOptions = {
  client: cscClient({ baseUrl: '${service.baseUrl}' }),
  userID: 'lan',
  password: 'secret password',
  askPIN: () => '12345678',
  askOTP: () => '123456',
  visible: true,
  name: 'Nguyễn Thị Ánh',
};
writeFileSync('out.pdf', await signPdf(readFileSync('in.pdf'), options));
`;
  writeFileSync(join(directory, 'sign.ts'), program);
  const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext', '--types', 'node'];
  await run(directory, join(modules, '.bin', 'tsc'), ...options, '--typeRoots', join(modules, '@types'), 'sign.ts');
  t.pass('the types hold');

  // Plain JavaScript, without the compiler: as Node runs what is installed below node_modules.
  writeFileSync(
    join(directory, 'sign.js'),
    program.replace(', type SignPdfOptions', '').replace(': SignPdfOptions', ''),
  );
  await run(directory, process.execPath, '--no-experimental-strip-types', 'sign.js');
  t.match(pdfsig(pki, readFileSync(join(directory, 'out.pdf')))[0], 'Signature is Valid.');
});
