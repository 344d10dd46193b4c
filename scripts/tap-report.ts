/**
 * Reads what tap prints (TAP version 14, blocks indented by four) and turns it into what a person wants to see: one
 * line per test file, failures and skips in full, and the number of tests.
 */
export type Counts = { passed: number; failed: number; skipped: number };

type Result = {
  ok: boolean;
  name: string;
  /** `SKIP why` or `TODO why`: neither passed nor failed */
  skip: string;
  milliseconds: number;
  /** the results inside, when this is one of a block (a test file or a `t.test()`) and not of a lone assertion */
  block: Result[] | undefined;
  diagnostic: string[];
  output: string[];
};

const resultLine = /^(?<not>not )?ok \d+(?: - (?<name>.*?))?(?: # (?<directive>.*))?$/;
const bailOut = /^Bail out!/;
// Of plans, comments and the version line nothing is needed: tap itself checks the plans.
const silentLine = /^(?:\d+\.\.\d+|#|TAP version|\s*$)/;
const step = '    ';

/**
 * Reports test files as they finish.
 *
 * @param print gets each finished line for the person
 * @returns `line`, to be called with each line of tap's output (without its line end); `end`, which gives the counts
 */
export function tapReport(print: (line: string) => void): { line(text: string): void; end(): Counts } {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  let lines: string[] = [];

  function flush(): void {
    for (const file of readResults({ lines, next: 0 }, '').results) {
      const own = countTests(file);
      counts.passed += own.passed;
      counts.failed += own.failed;
      counts.skipped += own.skipped;
      const figures = [`${own.passed} passed`, `${own.failed} failed`, `${own.skipped} skipped`];
      const shown = figures.filter((figure) => !figure.startsWith('0 ')).join(', ');
      print(`${own.failed > 0 ? '✗' : '✓'} ${file.name}: ${shown} (${Math.round(file.milliseconds)} ms)`);
      describe(file, [], print);
    }
    lines = [];
  }

  return {
    line(text) {
      lines.push(text);
      // Inside a file every line is indented, so an empty one stands between files.
      if (text === '') flush();
    },
    end() {
      flush();
      return counts;
    },
  };
}

/** Reads the results at one depth: all lines from `at.next` on that start with the indent. */
function readResults(at: { lines: string[]; next: number }, indent: string): { results: Result[]; output: string[] } {
  const results: Result[] = [];
  const output: string[] = [];
  let block: ReturnType<typeof readResults> | undefined;
  let heading = '';
  for (let line = at.lines[at.next]; line?.startsWith(indent); line = at.lines[at.next]) {
    at.next += 1;
    const text = line.slice(indent.length);
    const found = resultLine.exec(text)?.groups;
    if (text.startsWith('# Subtest: ')) {
      heading = text.slice('# Subtest: '.length);
      block = readResults(at, indent + step);
    } else if (found) {
      const directive = found.directive ?? '';
      results.push({
        ok: !found.not,
        // A file that timed out has its result under the name `timeout!`.
        name: (block ? heading : (found.name ?? '(unnamed)')).replaceAll('\\#', '#'),
        skip: /^(?:SKIP|TODO)\b/i.test(directive) ? directive : '',
        milliseconds: Number(/time=([\d.]+)ms/.exec(directive)?.[1] ?? 0),
        block: block?.results,
        diagnostic: readDiagnostic(at, `${indent}  `),
        output: block?.output ?? [],
      });
      block = undefined;
    } else if (bailOut.test(text)) {
      const nothing = { skip: '', milliseconds: 0, diagnostic: [], output: [] };
      results.push({ ...nothing, ok: false, name: text, block: block?.results ?? [] });
      block = undefined;
    } else if (!silentLine.test(text)) {
      output.push(text);
    }
  }
  return { results, output };
}

/** Reads the lines between `---` and `...` below a result, whatever they look like: they may quote TAP. */
function readDiagnostic(at: { lines: string[]; next: number }, indent: string): string[] {
  if (at.lines[at.next] !== `${indent}---`) return [];
  const end = at.lines.indexOf(`${indent}...`, at.next);
  const last = end === -1 ? at.lines.length : end;
  const diagnostic = at.lines.slice(at.next + 1, last).map((line) => line.slice(indent.length));
  at.next = last + 1;
  return diagnostic;
}

/**
 * Counts tests, not assertions: a test is a block without further blocks. A block that fails although no block in it
 * did (an assertion of its own, an exit code, a time-out) is one failed test; one that asserts nothing is skipped.
 */
function countTests(result: Result): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  if (result.skip) return { ...counts, skipped: 1 };
  for (const inner of result.block ?? []) {
    if (!inner.block && !inner.skip) continue;
    const own = countTests(inner);
    counts.passed += own.passed;
    counts.failed += own.failed;
    counts.skipped += own.skipped;
  }
  const isTest = !result.block?.some((inner) => inner.block);
  const asserts = result.block?.some((inner) => !inner.block && !inner.skip);
  if (!result.ok && counts.failed === 0) counts.failed = 1;
  else if (result.ok && isTest && asserts) counts.passed += 1;
  else if (result.ok && isTest && counts.skipped === 0) counts.skipped = 1;
  return counts;
}

/** Prints what the file wrote, its skipped tests with their reason, and its failures down to the assertion. */
function describe(result: Result, path: string[], print: (line: string) => void): void {
  const name = path.join(' › ') || 'the file itself';
  const failsInside = result.block?.some((inner) => !inner.ok && !inner.skip);
  if (result.skip) print(`  ~ ${name} (${result.skip})`);
  else if (!result.ok && !failsInside) print(`  ✗ ${name}`);
  else if (result.block?.length === 0) print(`  ~ ${name} (asserts nothing)`);
  for (const line of result.output) print(`    ${line}`);
  if (!result.ok && !result.skip && !failsInside) for (const line of result.diagnostic) print(`      ${line}`);
  for (const inner of result.block ?? []) describe(inner, [...path, inner.name], print);
}
