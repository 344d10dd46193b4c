import { KysoError } from '../base/errors.ts';
import type { Task } from './protocol.ts';

/** Tasks that belong together: all answers, in the order of the tasks, or the first failure. */
export type Job = {
  /** Pieces that no worker has taken yet; emptied when the job fails. */
  waiting: Piece[];
  settled: Promise<unknown[]>;
  isSettled(): boolean;
  deliver(piece: Piece, answer: unknown): void;
  fail(error: KysoError): void;
};

/** One task of a job; `tries` counts the workers that were lost over it. */
export type Piece = { job: Job; task: Task; index: number; tries: number };

/** A job that fails with tokenUnavailable when `deadline` milliseconds have passed. */
export function createJob(tasks: Task[], deadline: number): { job: Job; pieces: Piece[] } {
  const { promise, resolve, reject } = Promise.withResolvers<unknown[]>();
  const answers: unknown[] = [];
  let missing = tasks.length;
  let settled = false;
  const timer = setTimeout(
    () => job.fail(new KysoError('tokenUnavailable', 'the token did not answer in time')),
    deadline,
  );

  const job: Job = {
    waiting: [],
    settled: promise.finally(() => clearTimeout(timer)),
    isSettled: () => settled,
    deliver(piece, answer) {
      answers[piece.index] = answer;
      missing -= 1;
      if (missing > 0) return;
      settled = true;
      resolve(answers);
    },
    fail(error) {
      settled = true;
      job.waiting.length = 0;
      reject(error);
    },
  };
  return { job, pieces: tasks.map((task, index) => ({ job, task, index, tries: 0 })) };
}
