import t from 'tap';
import { tapReport } from '../../scripts/tap-report.ts';

function report(tap: string): { counts: { passed: number; failed: number; skipped: number }; shown: string } {
  const shown: string[] = [];
  const reader = tapReport((line) => shown.push(line));
  for (const line of tap.split('\n')) reader.line(line);
  return { counts: reader.end(), shown: shown.join('\n') };
}

t.test('tests are counted, not their assertions; a file without tests is one', async (t) => {
  const { counts, shown } = report(`TAP version 14
# Subtest: test/a.test.ts
    # Subtest: outer
        # Subtest: first
            ok 1 - should be equal
            ok 2 - should be equal
            1..2
        ok 1 - first # time=1ms
        
        # Subtest: second \\# two
            ok 1 - fine
            1..1
        ok 2 - second \\# two # time=1ms
        
        1..2
    ok 1 - outer # time=3ms
    
    1..1
    # time=3.7ms
ok 1 - test/a.test.ts # time=3.7ms

# Subtest: test/b.test.ts
    ok 1 - should be equal
    ok 2 - should be equal
    1..2
ok 2 - test/b.test.ts # time=9ms

1..2
# { total: 6, pass: 6 }`);
  t.same(counts, { passed: 3, failed: 0, skipped: 0 });
  t.equal(shown, '✓ test/a.test.ts: 2 passed (4 ms)\n✓ test/b.test.ts: 1 passed (9 ms)');
});

t.test('a failure is shown with its path and all of its diagnostic, even when that quotes TAP', async (t) => {
  const { counts, shown } = report(`# Subtest: test/a.test.ts
    # Subtest: outer
        # Subtest: inner
            not ok 1 - should match
              ---
              diff: |
                +ok 7 - quoted
                +    ok 8 - quoted
                ...
              at: here
              ...
            
            ok 2 - fine
            1..2
        not ok 1 - inner # time=1ms
          ---
          at: elsewhere
          ...
        
        1..1
    not ok 1 - outer # time=1ms
    
    # Subtest: other
        ok 1 - fine
        1..1
    ok 2 - other # time=1ms
    
    1..2
not ok 1 - test/a.test.ts # time=2ms
  ---
  exitCode: 1
  ...
`);
  t.same(counts, { passed: 1, failed: 1, skipped: 0 });
  t.match(shown, '✗ test/a.test.ts: 1 passed, 1 failed (2 ms)\n  ✗ outer › inner › should match\n');
  t.match(shown, '        +ok 7 - quoted\n');
  t.match(shown, '      at: here');
  t.notMatch(shown, 'elsewhere');
});

t.test('a failure that stands in no block inside is counted once', async (t) => {
  const exitCode = `# Subtest: test/a.test.ts
    ok 1 - fine
    1..1
not ok 1 - test/a.test.ts # time=2ms
  ---
  exitCode: 3
  ...
`;
  t.same(report(exitCode).counts, { passed: 0, failed: 1, skipped: 0 });
  t.match(report(exitCode).shown, '  ✗ the file itself\n      exitCode: 3');

  const ownAssertion = `# Subtest: test/a.test.ts
    # Subtest: inner
        ok 1 - fine
        1..1
    ok 1 - inner # time=1ms
    
    not ok 2 - of the file
    1..2
not ok 1 - test/a.test.ts # time=2ms
`;
  t.same(report(ownAssertion).counts, { passed: 1, failed: 1, skipped: 0 });

  const timedOut = '# Subtest: test/a.test.ts\n    ok 1 - fine\nnot ok 1 - timeout! # time=9ms\n';
  t.equal(report(timedOut).shown, '✗ test/a.test.ts: 1 failed (9 ms)\n  ✗ the file itself');

  const bailed = '# Subtest: test/a.test.ts\n    ok 1 - fine\n    Bail out! no token\nBail out! no token\n';
  t.equal(report(bailed).counts.failed, 1);
});

t.test('skipped tests, to-dos, and tests that assert nothing have not passed', async (t) => {
  const { counts, shown } = report(`# Subtest: test/a.test.ts
    ok 1 - later # SKIP no token
    not ok 2 - some day # TODO
    # Subtest: gives up
        ok 1 - no server # SKIP
        1..1
    ok 3 - gives up # time=1ms
    
    # Subtest: hollow
        1..0
    ok 4 - hollow # time=1ms
    
    1..4
ok 1 - test/a.test.ts # time=2ms

# Subtest: test/b.test.ts
    said on standard output
    1..0 # no tests found
ok 2 - test/b.test.ts # SKIP no tests found
`);
  t.same(counts, { passed: 0, failed: 0, skipped: 5 });
  t.match(shown, '  ~ later (SKIP no token)\n');
  t.match(shown, '  ~ gives up › no server (SKIP)\n');
  t.match(shown, '  ~ hollow (asserts nothing)\n');
  t.match(shown, '    said on standard output');
});
