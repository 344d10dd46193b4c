import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'));

type Locked = { version?: string; integrity?: string; resolved?: string; hasInstallScript?: boolean };

t.test('S95: what is installed is what the lock file names, by its hash', async (t) => {
  const { dependencies, devDependencies } = read('package.json');
  for (const [name, version] of Object.entries<string>({ ...dependencies, ...devDependencies }))
    t.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, `${name} is one version and no range`);

  const locked = Object.entries<Locked>(read('package-lock.json').packages).filter(([path]) => path !== '');
  t.ok(locked.length > 100);
  for (const [path, { integrity, resolved }] of locked) {
    if (!/^sha512-[A-Za-z0-9+/]+=*$/.test(integrity ?? '')) t.fail(`${path} has no hash`);
    if (resolved !== undefined) t.fail(`${path} names the registry that it came from`);
  }
});

t.test('S95: scripts of packages run only where package.json allows it', async (t) => {
  const { allowScripts } = read('package.json');
  const allowed = Object.keys(allowScripts).filter((name) => allowScripts[name]);
  t.same(allowed.sort(), ['better-sqlite3', 'pkcs11js']);
});
