import t from 'tap';
import { turns } from '../../src/http/turns.ts';
import { refused } from '../helpers/refused.ts';

type Held = { start: () => Promise<void>; end: () => void; started: boolean };

function held(line: ReturnType<typeof turns>, key: string): Held {
  let end = () => {};
  const job: Held = {
    started: false,
    start: () =>
      line(key, async () => {
        job.started = true;
        await new Promise<void>((resolve) => {
          end = resolve;
        });
      }),
    end: () => end(),
  };
  return job;
}

t.test('jobs of one key wait for each other, those of another key do not', async (t) => {
  const line = turns({ abreast: 2, each: 3, all: 5 });
  const [a1, a2, a3, a4, b1, b2, c1] = ['a', 'a', 'a', 'a', 'b', 'b', 'c'].map((key) => held(line, key));
  if (!a1 || !a2 || !a3 || !a4 || !b1 || !b2 || !c1) throw new Error('seven jobs');
  const first = a1.start();
  const rest = [a2.start(), a3.start(), b1.start()];
  t.same(
    [a1, a2, a3, b1].map(({ started }) => started),
    [true, true, false, true],
  );
  await t.rejects(a4.start(), refused('busy'), 'a key has its share');
  rest.push(b2.start());
  await t.rejects(c1.start(), refused('busy'), 'and all have theirs');

  a1.end();
  await first;
  await new Promise(setImmediate);
  t.ok(a3.started, 'the next one of the key');
  rest.push(c1.start());
  t.ok(c1.started, 'a place became free');
  for (const job of [a2, a3, b1, b2, c1]) job.end();
  await Promise.all(rest);

  await t.rejects(
    line('a', () => Promise.reject(new Error('failed'))),
    { message: 'failed' },
  );
  const again = [held(line, 'a'), held(line, 'a'), held(line, 'a')];
  const running = again.map((job) => job.start());
  t.same(
    again.map(({ started }) => started),
    [true, true, false],
    'nothing is left of those that ended or failed',
  );
  for (const job of again) {
    job.end();
    await new Promise(setImmediate);
  }
  await Promise.all(running);
});
