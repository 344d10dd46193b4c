import { KysoError } from '../base/errors.ts';
import { endOf, exchange, forkEntry } from './child.ts';
import { fromFailure } from './errors.ts';
import type { Task, WorkerConfiguration, WorkerMessage } from './protocol.ts';

/** `failed` is the task's own fault; after `lost` the worker is gone, and another one may try the task. */
export type Outcome = { is: 'done'; answer: unknown } | { is: 'failed' | 'lost'; error: KysoError };

/** A token worker as its parent sees it. `perform` takes one task at a time and never rejects. */
export type WorkerProcess = { perform(task: Task): Promise<Outcome>; stop(): void; exited: Promise<void> };

export type WorkerOptions = WorkerConfiguration & {
  /** The worker's whole environment: SOFTHSM2_CONF and the like, never a secret. */
  environment: Record<string, string>;
  /** Milliseconds after which a task counts as hung, and the worker is killed (S52). */
  deadline: number;
};

const startDeadline = 10_000;
const stopGrace = 2000;

/**
 * Starts a token worker and waits until it is logged in and has passed its self-test.
 * @throws KysoError tokenPinRefused — the token refused the PIN; do not try again
 * @throws KysoError tokenUnavailable | integrity | internal — it could not start, for a reason the message gives
 */
export async function startWorker({ environment, deadline, ...configuration }: WorkerOptions): Promise<WorkerProcess> {
  const child = forkEntry('worker.ts', environment);
  const exited = endOf(child);
  const started = toOutcome(await exchange<WorkerMessage>(child, configuration, startDeadline));
  if (started.is === 'done') {
    return { perform: async (task) => toOutcome(await exchange(child, task, deadline)), stop, exited };
  }
  stop();
  await exited; // its login ends before the next worker's begins
  throw started.error;

  function stop(): void {
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), stopGrace);
    void exited.then(() => clearTimeout(timer));
  }
}

function toOutcome(message: WorkerMessage | 'died' | 'hung'): Outcome {
  if (message === 'died') return lost('a token worker died');
  if (message === 'hung') return lost('a token worker hung and was killed');
  if (message.is === 'ready') return { is: 'done', answer: undefined };
  return message.is === 'done' ? message : { is: message.is, error: fromFailure(message) };
}

function lost(message: string): Outcome {
  return { is: 'lost', error: new KysoError('tokenUnavailable', message) };
}
