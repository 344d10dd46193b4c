import { KysoError } from '../base/errors.ts';
import type { Capabilities } from './capabilities.ts';
import { endOf, exchange, forkEntry } from './child.ts';
import { fromFailure } from './errors.ts';
import type { Task, WorkerConfiguration, WorkerMessage, WorkerStart } from './protocol.ts';

/**
 * `failed` is the task's own fault; after `lost` the worker is gone, and another one may try the task. A worker that is
 * `worn` should be replaced when that can be done in peace.
 */
export type Outcome = { is: 'done'; answer: unknown; worn?: boolean } | { is: 'failed' | 'lost'; error: KysoError };

/**
 * A token worker as its parent sees it. `perform` takes one list of tasks at a time, answers in their order, and never
 * rejects; behind `lost` come no further outcomes, unless all were lost.
 */
export type WorkerProcess = { perform(tasks: Task[]): Promise<Outcome[]>; stop(): void; exited: Promise<void> };

export type WorkerOptions = WorkerConfiguration & {
  /** The worker's whole environment: SOFTHSM2_CONF and the like, never a secret. */
  environment: Record<string, string>;
  /** Milliseconds without a further signature after which a task counts as hung, and the worker is killed (S52). */
  deadline: number;
};

const startDeadline = 10_000;
const stopGrace = 2000;

/** A worker that is up, and what it found that its token can do. */
export type StartedWorker = { worker: WorkerProcess; capabilities: Capabilities };

/**
 * Starts a token worker and waits until it is logged in and has passed its self-test.
 * @throws KysoError tokenPinRefused — the token refused the PIN; do not try again
 * @throws KysoError tokenUnavailable | integrity | internal — it could not start, for a reason the message gives
 */
export async function startWorker({ environment, deadline, ...configuration }: WorkerOptions): Promise<StartedWorker> {
  const child = forkEntry('worker.ts', environment);
  const exited = endOf(child);
  const started = await exchange<WorkerStart>(child, configuration, startDeadline);
  if (typeof started !== 'string' && started.is === 'ready') {
    const perform = async (tasks: Task[]) => {
      const answer = await exchange<WorkerMessage[]>(child, tasks, deadline);
      // Which of them it died of nobody knows.
      if (typeof answer === 'string') return tasks.map((): Outcome => ({ is: 'lost', error: lossOf(answer) }));
      return answer.map(toOutcome);
    };
    return { worker: { perform, stop, exited }, capabilities: started.capabilities };
  }
  stop();
  await exited; // its login ends before the next worker's begins
  throw typeof started === 'string' ? lossOf(started) : fromFailure(started);

  function stop(): void {
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), stopGrace);
    void exited.then(() => clearTimeout(timer));
  }
}

const endings = { died: 'a token worker died', hung: 'a token worker hung and was killed' };

function toOutcome(message: WorkerMessage): Outcome {
  return message.is === 'done' ? message : { is: message.is, error: fromFailure(message) };
}

function lossOf(ending: keyof typeof endings): KysoError {
  return new KysoError('tokenUnavailable', endings[ending]);
}
