import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { softHsmModule } from './softhsm.ts';

const root = join(import.meta.dirname, '../..');
const sources = join(root, 'test/shim');
const headers = join(root, 'node_modules/pkcs11js/includes');

/** A PKCS#11 module between token workers and the real one, which does what it is told: see test/shim/README.md. */
export type Shim = {
  /** The path for `TokenConfig.module` or `pkcs11.module`. */
  module: string;
  /** Lets these lines of the control hold from the next call on, instead of those before; all counts start anew. */
  control(...lines: string[]): void;
  /** The slot is empty, and all who were initialised hear `code` from now on; until `putBack`. Ends other rules. */
  takeAway(code: number): void;
  putBack(): void;
  /** The calls that were logged, in the order of their ends. */
  calls(): ShimCall[];
  /** Forgets the calls so far. */
  clearCalls(): void;
};

export type ShimCall = {
  pid: number;
  /** Nanoseconds of the monotonic clock. */
  time: bigint;
  function: string;
  session: number;
  result: number;
  /** What the real module answered; undefined where it was not asked. */
  real: number | undefined;
  /** Sessions that the process has open after the call. */
  open: number;
  fault: string | undefined;
  mechanism: number | undefined;
  input: Buffer | undefined;
};

/** A shim over `module` in a directory of its own, which any user may write: a server drops root. */
export function makeShim(t: { teardown(handler: () => void): void }, module = softHsmModule): Shim {
  const directory = mkdtempSync(join(tmpdir(), 'kyso-shim-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  copyFileSync(build(), join(directory, 'shim.so'));
  const log = writable('calls');
  let rounds = 0;
  let [life, lost] = [1, 0];

  /** A new empty file that all may write. */
  function writable(name: string): string {
    const path = join(directory, name);
    writeFileSync(path, '');
    chmodSync(path, 0o666);
    return path;
  }

  function control(...lines: string[]): void {
    rounds += 1;
    const counters = writable(`counters-${rounds}`);
    const always = [`module ${module}`, `log ${log}`, `counters ${counters}`, `life ${life} ${lost}`];
    const next = join(directory, 'next');
    writeFileSync(next, [...always, ...lines, ''].join('\n'));
    renameSync(next, join(directory, 'control'));
  }

  control();
  return {
    module: join(directory, 'shim.so'),
    control,
    takeAway(code) {
      life += 1;
      lost = code;
      control('absent');
    },
    putBack: () => control(),
    calls: () => readFileSync(log, 'utf8').split('\n').filter(Boolean).map(readCall),
    clearCalls: () => writeFileSync(log, ''),
  };
}

/** One line of the call log. */
export function readCall(line: string): ShimCall {
  const [pid, time, name, ...fields] = line.split(' ');
  const values = Object.fromEntries(fields.map((field) => field.split('=')));
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  return {
    pid: Number(pid),
    time: BigInt(time!),
    function: name!,
    session: Number(values.session),
    result: Number(values.result),
    real: number(values.real),
    open: Number(values.open),
    fault: values.fault,
    mechanism: number(values.mechanism),
    input: values.input === undefined ? undefined : Buffer.from(values.input, 'hex'),
  };
}

/** The library, built unless one of the same sources is there; several test files may do so at once. */
function build(): string {
  const files = readdirSync(sources).filter((name) => /\.[ch]$/.test(name));
  const hash = createHash('sha256');
  for (const name of files) hash.update(`${name}\n`).update(readFileSync(join(sources, name)));
  const directory = join(root, 'var/shim');
  const library = join(directory, `${hash.digest('hex').slice(0, 16)}.so`);
  if (existsSync(library)) return library;
  mkdirSync(directory, { recursive: true });
  const temporary = `${library}.${process.pid}`;
  const units = files.filter((name) => name.endsWith('.c')).map((name) => join(sources, name));
  const options = ['-shared', '-fPIC', '-fvisibility=hidden', '-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror'];
  execFileSync('gcc', [...options, `-I${headers}`, '-o', temporary, ...units], { stdio: 'inherit' });
  renameSync(temporary, library);
  return library;
}
