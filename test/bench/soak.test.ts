import t from 'tap';
import { missed, type Sample } from '../../bench/soak-verdict.ts';

const samples = (rss: number[], change: Partial<Sample> = {}): Sample[] =>
  rss.map((bytes, index) => ({ rss: bytes, sessions: 1, signatures: 100 * (index + 1), failures: 0, ...change }));

t.test('the soak keeps its bar when memory is flat, sessions constant and nothing failed', async (t) => {
  t.same(missed(samples([100, 104, 120, 90, 101, 103])), [], 'what happens between the thirds does not count');
  const warmingUp = [60, 80, 100, 101, 100, 160, 102, 100, 101, 100, 102, 101, 100, 100, 101, 170, 103, 102, 101, 102];
  t.same(missed(samples(warmingUp)), [], 'nor does the first tenth, or a peak here and there');
});

t.test('the soak misses its bar', async (t) => {
  const grown = samples([100, 100, 110, 110, 106, 106].map((rss) => rss * 1e6));
  t.same(missed(grown), ['memory went from 100 MB to 106 MB (+6.0 %)']);
  t.match(
    missed(samples([100, 100, 100, 90, 90, 90])),
    ['memory went'],
    'also when the first third was not yet at rest',
  );
  const [first, ...others] = samples([100, 100, 100]);
  t.same(missed([{ ...first!, sessions: 2 }, ...others]), ['a token worker had 2, 1 sessions open']);
  t.same(missed(samples([100, 100, 100], { failures: 3 })), ['3 requests failed']);
  t.same(missed(samples([100, 100, 100], { signatures: 0 })), ['nothing was signed']);
  t.same(missed(samples([100, 100])), ['there are too few samples for a verdict']);
});
