import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import t from 'tap';

const root = resolve(import.meta.dirname, '../..');
const tap = "import t from 'tap';\n\n";
const passes = { 'test/passes.test.ts': `${tap}t.test('passes', async (t) => t.ok(true));\n` };
const fails = { 'test/fails.test.ts': `${tap}t.test('fails', async (t) => t.equal(1, 2));\n` };
const logs = { 'test/logs.test.ts': `${tap}console.error('{"a log line":1}');\nt.pass();\n` };
const skips = { 'test/skips.test.ts': `${tap}t.test('waits', { skip: 'no token' }, async () => {});\n` };
const crashes = { 'test/crashes.test.ts': "throw new Error('on loading');\n" };

/** Runs the suites of a project that consists of the given files: its exit code and its lines on standard output. */
function runIn(t: { teardown(end: () => void): void }, files: Record<string, string>, args: string[] = []) {
  const project = mkdtempSync(join(tmpdir(), 'kyso-run-tests-'));
  t.teardown(() => rmSync(project, { recursive: true }));
  for (const name of ['package.json', 'tsconfig.json', 'biome.json', '.taprc', 'scripts']) {
    cpSync(join(root, name), join(project, name), { recursive: true });
  }
  // It reads the API's own sources, which this project does not have.
  rmSync(join(project, 'scripts', 'openapi.ts'));
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), text);
  }
  // tap also puts its loader into the environment of children that are started with one of their own, but not past env.
  const clean = ['-i', `PATH=${process.env.PATH}`, process.execPath, join(project, 'scripts/run-tests.ts')];
  const run = spawnSync('env', [...clean, ...args], { cwd: project, encoding: 'utf8' });
  const lines = run.stdout.trimEnd().split('\n');
  return { exitCode: run.status, last: lines.at(-1), lines, errors: run.stderr };
}

t.test('all suites are summed up in the last line', async (t) => {
  const run = runIn(t, { ...passes, ...skips, ...logs });
  t.equal(run.last, '4 passed, 0 failed, 1 skipped', 'types, lint and two tests');
  t.notMatch(run.errors + run.lines.join(), 'a log line', 'what a good run logs is not shown');
  t.equal(run.exitCode, 0);
});

t.test('a failing test, a file that does not load, and a type error are failures', async (t) => {
  const run = runIn(t, {
    ...passes,
    ...fails,
    ...logs,
    ...crashes,
    'src/wrong.ts': "export const port: number = '1';\n",
  });
  t.equal(run.last, '3 passed, 3 failed, 0 skipped', 'lint and two tests passed');
  t.equal(run.exitCode, 1);
  t.ok(run.lines.includes('Error: on loading'), 'what the failing run wrote on standard error is shown');
  t.notMatch(run.lines.join(), 'a log line', 'but no logs');
  t.match(run.lines.join('\n'), /✗ types \(tsc\)\n.*src\/wrong\.ts/);
});

t.test('a run in which no test ran has failed, though types and lint are well', async (t) => {
  const run = runIn(t, skips);
  t.ok(run.lines.includes('✗ no test ran'));
  t.equal(run.last, '2 passed, 0 failed, 1 skipped');
  t.equal(run.exitCode, 1);
});

t.test('with files named only those run', async (t) => {
  const run = runIn(t, { ...passes, ...fails }, ['test/passes.test.ts']);
  t.equal(run.last, '1 passed, 0 failed, 0 skipped');
  t.equal(run.exitCode, 0);
});

t.test('a file that is not there is a failure', async (t) => {
  const run = runIn(t, passes, ['test/missing.test.ts']);
  t.equal(run.last, '0 passed, 1 failed, 0 skipped');
  t.equal(run.exitCode, 1);
});
