import t, { type Test } from 'tap';
import { KysoError } from '../../src/base/errors.ts';
import { createCrew } from '../../src/hsm/crew.ts';
import type { Task } from '../../src/hsm/protocol.ts';
import type { Outcome, WorkerProcess } from '../../src/hsm/worker-process.ts';
import { refused } from '../helpers/refused.ts';
import { until } from './workers.ts';

/** A task that carries only a name. */
const task = (name: string): Task => ({ operation: 'publicKey', request: { label: name } });
const tasks = (name: string, count: number) => Array.from({ length: count }, (_, index) => task(`${name}${index}`));
const labelOf = ({ request }: Task) => ('label' in request ? request.label : '?');

/** A worker without a process: each task waits in `doing` until the test answers it. */
function fakeWorker() {
  const exit = Promise.withResolvers<void>();
  const life = { stopped: false };
  /** The names of the tasks of each message. */
  const messages: string[][] = [];
  const doing: { name: string; answer(outcome: Outcome): void }[] = [];
  const worker: WorkerProcess = {
    exited: exit.promise,
    stop() {
      life.stopped = true;
      exit.resolve();
    },
    async perform(given) {
      messages.push(given.map(labelOf));
      const outcomes: Outcome[] = [];
      for (const one of given) {
        const outcome = await new Promise<Outcome>((answer) => doing.push({ name: labelOf(one), answer }));
        outcomes.push(outcome);
        if (outcome.is === 'lost') break;
      }
      return outcomes;
    },
  };
  return {
    worker,
    doing,
    life,
    messages,
    finish(worn = false) {
      const current = doing.shift()!;
      current.answer({ is: 'done', answer: `did ${current.name}`, worn });
    },
    fail() {
      doing.shift()!.answer({ is: 'failed', error: new KysoError('internal', 'failed') });
    },
    die() {
      doing.shift()?.answer({ is: 'lost', error: new KysoError('tokenUnavailable', 'died') });
      exit.resolve();
    },
  };
}

type Fake = ReturnType<typeof fakeWorker>;

/** A crew whose starts succeed with fake workers as long as `mayStart` says so. */
async function makeCrew(t: Test, seats: number, deadline = 60_000) {
  const workers: Fake[] = [];
  const control = { mayStart: true };
  const crew = createCrew({
    seats,
    deadline,
    report: () => {},
    async start() {
      if (!control.mayStart) throw new KysoError('tokenUnavailable', 'no start');
      const fake = fakeWorker();
      workers.push(fake);
      return fake.worker;
    },
  });
  t.teardown(() => crew.stop());
  await crew.begin();
  return { crew, workers, control };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

t.test('jobs take turns, and answers keep the order of the tasks', async (t) => {
  const { crew, workers } = await makeCrew(t, 1);
  const [worker] = workers as [Fake];
  const long = crew.perform(tasks('long', 4));
  const short = crew.perform(tasks('short', 2));
  const order: string[] = [];
  for (let done = 0; done < 6; done++) {
    order.push(worker.doing[0]!.name);
    worker.finish();
    await settle();
  }
  t.same(order, ['long0', 'long1', 'short0', 'long2', 'short1', 'long3']);
  t.same(await long, ['did long0', 'did long1', 'did long2', 'did long3']);
  t.same(await short, ['did short0', 'did short1']);
});

t.test('a crew is busy while nobody is free', async (t) => {
  const { crew, workers } = await makeCrew(t, 2);
  const jobs = [crew.perform(tasks('a', 1))];
  t.notOk(crew.isBusy());
  jobs.push(crew.perform(tasks('b', 1)));
  t.ok(crew.isBusy());
  for (const worker of workers) worker.finish();
  await Promise.all(jobs);
  t.notOk(crew.isBusy());
});

t.test('a worker that is lost: its task goes to another one, once', async (t) => {
  const { crew, workers } = await makeCrew(t, 2);
  const [first, second] = workers as [Fake, Fake];
  const job = crew.perform(tasks('a', 1));
  first.die();
  await settle();
  t.equal(second.doing[0]?.name, 'a0');
  second.die();
  await t.rejects(job, refused('tokenUnavailable'));
  await until(() => crew.size() === 2);
  t.same(
    workers.flatMap(({ doing }) => doing),
    [],
    'nobody is given it a third time',
  );
});

t.test('with no other worker up, the task waits for the replacement', async (t) => {
  const { crew, workers } = await makeCrew(t, 1);
  const job = crew.perform(tasks('a', 1));
  workers[0]!.die();
  await settle();
  t.equal(crew.size(), 0);
  await t.rejects(crew.perform(tasks('b', 1)), refused('tokenUnavailable'), 'a new job fails at once');
  await until(() => workers.length === 2);
  await settle();
  workers[1]!.finish();
  t.same(await job, ['did a0']);
});

t.test('when the replacement does not start, what waits fails', async (t) => {
  const { crew, workers, control } = await makeCrew(t, 1);
  const jobs = [crew.perform(tasks('a', 1)), crew.perform(tasks('b', 3))];
  control.mayStart = false;
  workers[0]!.die();
  for (const job of jobs) await t.rejects(job, refused('tokenUnavailable'));
  control.mayStart = true;
  await until(() => crew.size() === 1);
  const later = crew.perform(tasks('c', 1));
  workers[1]!.finish();
  t.same(await later, ['did c0']);
});

t.test('the first failure ends a job: its other tasks are not begun', async (t) => {
  const { crew, workers } = await makeCrew(t, 1);
  const [worker] = workers as [Fake];
  const job = crew.perform(tasks('a', 3));
  worker.doing.shift()!.answer({ is: 'failed', error: new KysoError('integrity') });
  await t.rejects(job, refused('integrity'));
  await settle();
  t.same(worker.doing, []);
  const next = crew.perform(tasks('b', 1));
  worker.finish();
  t.same(await next, ['did b0']);
});

t.test('S52: a job that waits too long fails, and is not begun afterwards', async (t) => {
  const { crew, workers } = await makeCrew(t, 1, 50);
  const [worker] = workers as [Fake];
  const jobs = [crew.perform(tasks('a', 1)), crew.perform(tasks('b', 1))];
  for (const job of jobs) await t.rejects(job, refused('tokenUnavailable'));
  worker.finish();
  await settle();
  t.same(worker.doing, []);
});

t.test('a stopped crew takes nothing, and what was under way fails', async (t) => {
  const { crew, workers } = await makeCrew(t, 1);
  const jobs = [crew.perform(tasks('a', 2)), crew.perform(tasks('b', 1))];
  const refusals = jobs.map((job) => t.rejects(job, refused('tokenUnavailable')));
  const stopped = crew.stop();
  workers[0]!.die();
  await Promise.all([stopped, ...refusals]);
  t.equal(crew.size(), 0);
  await t.rejects(crew.perform(tasks('c', 1)), refused('tokenUnavailable'));
  await crew.begin();
  t.equal(workers.length, 1, 'and starts nobody');
});

t.test('a worn worker works on until its successor is up, then finishes what it has and ends', async (t) => {
  const { crew, workers, control } = await makeCrew(t, 1);
  const [worn] = workers as [Fake];
  control.mayStart = false;
  const first = crew.perform(tasks('a', 1));
  worn.finish(true);
  t.same(await first, ['did a0']);
  const second = crew.perform(tasks('b', 3));
  await settle();
  t.equal(worn.doing[0]?.name, 'b0', 'no successor came up: the worn one goes on');
  worn.finish();
  await settle();
  control.mayStart = true;
  await until(() => workers.length === 2);
  const successor = workers[1]!;
  t.equal(crew.size(), 1);
  t.notOk(worn.life.stopped, 'it is in the middle of a task');
  t.equal(successor.doing[0]?.name, 'b2');
  successor.finish();
  worn.finish();
  t.same(await second, ['did b0', 'did b1', 'did b2'], 'no task was lost');
  t.ok(worn.life.stopped);
});

t.test(
  'a worn worker that is idle when its successor comes ends at once; so does one that finishes after a stop',
  async (t) => {
    const { crew, workers } = await makeCrew(t, 1, 1000); // the job that is left undone keeps the process for so long
    const job = crew.perform(tasks('a', 1));
    workers[0]!.finish(true);
    await job;
    await until(() => workers.length === 2);
    await settle();
    t.ok(workers[0]!.life.stopped);
    void crew.perform(tasks('b', 2)).catch(() => {});
    workers[1]!.finish(true);
    await until(() => workers.length === 3);
    t.notOk(workers[1]!.life.stopped);
    await crew.stop();
    t.ok(workers.every(({ life }) => life.stopped));
  },
);

t.test('small tasks travel together where more wait than there are workers, and each gets its own end', async (t) => {
  const { crew, workers } = await makeCrew(t, 1);
  const [worker] = workers as [Fake];
  const jobs = Array.from({ length: 12 }, (_, n) => crew.perform(tasks(`job${n}-`, 1)));
  t.same(worker.messages, [['job0-0']], 'nobody waits for company');
  worker.finish();
  await settle();
  t.same(worker.messages[1], ['job1-0', 'job2-0', 'job3-0', 'job4-0', 'job5-0', 'job6-0', 'job7-0', 'job8-0']);
  worker.finish();
  await settle();
  worker.fail();
  await settle();
  worker.die();
  t.same(await jobs[1], ['did job1-0']);
  await t.rejects(jobs[2]!, refused('internal'));
  await until(() => workers.length === 2);
  const second = workers[1]!;
  await settle();
  while (second.doing.length > 0) {
    second.finish();
    await settle();
  }
  t.ok(
    second.messages.some((names) => names.join() === 'job3-0'),
    'what cost a worker its life goes alone',
  );
  for (const n of [3, 4, 5, 6, 7, 8, 9, 10, 11])
    t.same(await jobs[n], [`did job${n}-0`], 'what was not begun is done once');
});

t.test('workers share what waits', async (t) => {
  const { crew, workers } = await makeCrew(t, 2);
  const blocking = [crew.perform(tasks('x', 1)), crew.perform(tasks('y', 1))];
  const jobs = Array.from({ length: 6 }, (_, n) => crew.perform(tasks(`job${n}-`, 1)));
  for (const worker of workers) worker.finish();
  await settle();
  t.ok(workers.every(({ messages }) => messages.length === 2));
  for (let step = 0; step < 12; step += 1) {
    for (const worker of workers) if (worker.doing.length > 0) worker.finish();
    await settle();
  }
  await Promise.all([...blocking, ...jobs]);
});

t.test(
  'S52: small tasks of a slow token do not travel together, lest a message take so long that it counts as hung',
  async (t) => {
    const { crew, workers } = await makeCrew(t, 1);
    const [worker] = workers as [Fake];
    const jobs = Array.from({ length: 4 }, (_, n) => crew.perform(tasks(`job${n}-`, 1)));
    await new Promise((resolve) => setTimeout(resolve, 600));
    for (let n = 0; n < 4; n += 1) {
      worker.finish();
      await settle();
      if (n === 0) t.same(worker.messages, [['job0-0'], ['job1-0']], 'two of 600 ms would take more than a second');
    }
    await Promise.all(jobs);
  },
);
