/**
 * Runs every suite and sums them up: type check, lint, tap. What scripts/test starts after the set-up.
 * The last line is `N passed, N failed, N skipped`; the exit code is 0 only when tests ran and none failed.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Counts, tapReport } from './tap-report.ts';

const root = resolve(import.meta.dirname, '..');
const bin = (name: string) => resolve(root, 'node_modules/.bin', name);

/** Starts a tool of node_modules in the project's root; `errors` fills with what it writes on standard error. */
function start(name: string, args: string[]) {
  const child = spawn(bin(name), args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const ended = new Promise<number>((done, failed) => {
    child.once('error', failed);
    child.once('close', (code, signal) => done(signal ? 1 : (code ?? 1)));
  });
  return { lines: createInterface({ input: child.stdout }), errors, ended };
}

/** Runs a tool that counts as one test, and shows what it printed when it fails. */
async function check(title: string, name: string, args: string[]): Promise<Counts> {
  const { lines, errors, ended } = start(name, args);
  const output: string[] = [];
  for await (const line of lines) output.push(line);
  const ok = (await ended) === 0;
  console.log(`${ok ? '✓' : '✗'} ${title}`);
  if (!ok) console.log([...output, Buffer.concat(errors).toString()].join('\n'));
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

/**
 * Runs the test files, all of them when none is named. Standard error is shared by the files that run side by side,
 * and the servers that they start log there, so it is shown only after a failure, and without the logs' JSON lines.
 */
async function runTap(files: string[]): Promise<Counts> {
  // Tests wait for tokens and processes more than they compute, but Argon2id and RSA keys take a whole core.
  const jobs = Math.min(availableParallelism(), 4);
  const { lines, errors, ended } = start('tap', ['--reporter=tap', `--jobs=${jobs}`, ...files]);
  const report = tapReport((line) => console.log(line));
  for await (const line of lines) report.line(line);
  const counts = report.end();
  const exitCode = await ended;
  if (exitCode !== 0 && counts.failed === 0) {
    console.log(`✗ tap ended with exit code ${exitCode} without naming a test that failed`);
    counts.failed = 1;
  }
  if (counts.failed > 0 && errors.length > 0) showErrors(Buffer.concat(errors).toString());
  return counts;
}

function showErrors(text: string): void {
  mkdirSync(resolve(root, 'var'), { recursive: true });
  writeFileSync(resolve(root, 'var/test-errors.log'), text);
  const lines = text.split('\n').filter((line) => !line.startsWith('{"'));
  console.log(['\nOn standard error (with all logs: var/test-errors.log):', ...lines].join('\n'));
}

const files = process.argv.slice(2).map((file) => resolve(file));
const checks =
  files.length > 0
    ? []
    : [
        await check('types (tsc)', 'tsc', ['--noEmit']),
        await check('lint and format (biome)', 'biome', ['check', '.']),
      ];
const tests = await runTap(files);
if (tests.passed + tests.failed === 0) console.log('✗ no test ran');

const sum = (name: keyof Counts) => [...checks, tests].reduce((total, counts) => total + counts[name], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
process.exitCode = sum('failed') > 0 || tests.passed === 0 ? 1 : 0;
