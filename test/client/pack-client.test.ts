import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { signAlgosOf } from '../../src/crypto/algorithms.ts';
import { shortDirectory } from '../helpers/temp.ts';
import { newkeys } from './certificates.ts';
import { sample } from './documents.ts';
import { pdfsig } from './judges.ts';
import { signingService } from './signing-service.ts';
import { complaintsFromStore } from './store-judges.ts';
import { validationServices } from './validation-services.ts';

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

/** An integrator's project with the kit installed as npm packs it, and beside it the dependencies that it names. */
async function installKit(directory: string): Promise<void> {
  const kit = join(directory, 'node_modules', 'kyso-client');
  mkdirSync(kit, { recursive: true });
  await run(root, process.execPath, join(root, 'scripts', 'pack-client.ts'), join(directory, 'emitted'));
  await run(directory, 'npm', 'pack', '--offline', `--cache=${join(directory, 'cache')}`, './emitted');
  const [archive] = readdirSync(directory).filter((name) => name.endsWith('.tgz'));
  await run(directory, 'tar', '-xzf', archive!, '--strip-components=1', '-C', kit);
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
  const services = await validationServices(t);
  const { pki } = services;
  const credential = { ...services.signer(newkeys['EC-P256']), algo: signAlgosOf('EC-P256'), len: 256 };
  const service = await signingService(t, pki, { c1: credential });

  writeFileSync(join(directory, 'in.pdf'), sample);
  const program = `import { readFileSync, writeFileSync } from 'node:fs';
import { cscClient, signPdf, type SignPdfOptions } from 'kyso-client';

const options: SignPdfOptions = {
  client: cscClient({ baseUrl: '${service.baseUrl}' }),
  userID: 'lan',
  password: 'secret password',
  askPIN: () => '12345678',
  askOTP: () => '123456',
  timestamp: { url: '${services.tsa}' },
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
  const signed = readFileSync(join(directory, 'out.pdf'));
  t.match(pdfsig(pki, signed)[0], 'Signature is Valid.');
  t.same(complaintsFromStore(signed), [], 'at B-LT');
});
