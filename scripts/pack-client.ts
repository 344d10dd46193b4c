/**
 * Makes the client kit a package of JavaScript and type declarations, in dist/client or the directory that is named:
 * npm run pack:client. Node refuses to run TypeScript below node_modules, so integrators get what the compiler emits.
 * Then: npm pack ./dist/client.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');
const out = resolve(process.argv[2] ?? join(root, 'dist', 'client'));

if (existsSync(out) && !isKit(out)) throw new Error(`${out} holds something else: name an empty place.`);
rmSync(out, { recursive: true, force: true });
execFileSync(
  join(root, 'node_modules', '.bin', 'tsc'),
  ['-p', join('scripts', 'tsconfig.client.json'), '--outDir', out],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
const { version, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
};
const used = packagesIn(out);
const description = {
  name: 'kyso-client',
  version,
  description: 'Have PDFs and hashes signed by a Cloud Signature Consortium (CSC v1) service',
  type: 'module',
  engines: { node: '>=22.12' },
  exports: { '.': { types: './client/index.d.ts', default: './client/index.js' } },
  dependencies: Object.fromEntries(Object.entries(dependencies).filter(([name]) => used.has(name))),
};
writeFileSync(join(out, 'package.json'), `${JSON.stringify(description, null, 2)}\n`);
process.stdout.write(`${out}: kyso-client ${version}, ${used.size} dependencies\n`);

/** Only what this script made is removed. */
function isKit(directory: string): boolean {
  const file = join(directory, 'package.json');
  return (
    readdirSync(directory).length === 0 ||
    (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'kyso-client')
  );
}

/** The packages that the emitted files name: imports, and the font that is found by its path. */
function packagesIn(directory: string): Set<string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8'));
  return new Set(Object.keys(dependencies).filter((name) => texts.some((text) => names(text, name))));
}

function names(text: string, dependency: string): boolean {
  return text.includes(`'${dependency}'`) || text.includes(`'${dependency}/`);
}
