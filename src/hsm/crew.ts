import { setTimeout as delay } from 'node:timers/promises';
import { KysoError } from '../base/errors.ts';
import { createJob, type Job, type Piece } from './job.ts';
import { isSmall, type Task } from './protocol.ts';
import type { Outcome, WorkerProcess } from './worker-process.ts';

export type Crew = {
  /** Fills the seats. Resolves when the first start of each worker has succeeded or failed; call it once. */
  begin(): Promise<void>;
  /**
   * Performs the tasks of one job and answers in their order; the first failure ends the job.
   * @throws KysoError tokenUnavailable — no worker is up, the deadline passed, or a task cost two workers their life
   * @throws KysoError integrity | internal — as the worker found
   */
  perform(tasks: Task[]): Promise<unknown[]>;
  /** How many workers are up. */
  size(): number;
  /** Whether each of them has something to do. */
  isBusy(): boolean;
  /** Ends all workers; what they were doing fails. */
  stop(): Promise<void>;
};

export type CrewOptions = {
  seats: number;
  /** Milliseconds that a job may take, waiting included. */
  deadline: number;
  start(): Promise<WorkerProcess>;
  /** Told why a worker did not start, or was lost. */
  report(error: unknown): void;
};

/**
 * A worker that is up; `proven` once it has answered, so that one which dies at its first task is not replaced in haste.
 * `worn` is resolved when it asks for a successor.
 */
type Member = { worker: WorkerProcess; proven: boolean; worn: PromiseWithResolvers<'worn'> };

type Lost = Extract<Outcome, { error: KysoError }>;

const triesPerPiece = 2;
/** Small pieces of one message: some milliseconds of work. */
const mostTogether = 8;
/** Milliseconds that a message of several may take: far from what makes a worker count as hung, on slow tokens, too. */
const longestTogether = 1000;
const [shortestPause, longestPause] = [100, 2000];
const idleCheckInterval = 2000;

/**
 * Workers that do tasks, and the queue before them. Jobs take turns, piece by piece, so that a long one does not hold
 * up the others. Lost workers are replaced; the piece that one was doing is tried once more, since nothing of it had
 * been released.
 */
export function createCrew({ seats, deadline, start, report }: CrewOptions): Crew {
  const queue: Job[] = [];
  const up = new Set<Member>();
  const idle: Member[] = [];
  const retiring = new Set<Member>();
  /** Milliseconds that a small task took the last time; until one was done, none has company. */
  let pace = Number.POSITIVE_INFINITY;
  const stopping = new AbortController();
  let seatsDone: Promise<unknown> = Promise.resolve();
  let idleCheck: NodeJS.Timeout | undefined;

  async function begin(): Promise<void> {
    if (stopping.signal.aborted) return;
    const firstStarts = Array.from({ length: seats }, () => Promise.withResolvers<void>());
    seatsDone = Promise.all(firstStarts.map(({ resolve }) => occupySeat(resolve)));
    idleCheck = setInterval(checkIdleWorkers, idleCheckInterval).unref();
    await Promise.all(firstStarts.map(({ promise }) => promise));
  }

  /** Keeps one seat occupied until the crew stops. A worn worker works on until its successor is up. */
  async function occupySeat(onStartDecided: () => void): Promise<void> {
    let pause = shortestPause;
    let seated: Member | undefined;
    while (!stopping.signal.aborted) {
      const worker = await start().catch(note);
      if (worker) {
        const member: Member = { worker, proven: false, worn: Promise.withResolvers() };
        join(member);
        if (seated) retire(seated);
        seated = member;
        onStartDecided();
        if ((await Promise.race([worker.exited, member.worn.promise])) === 'worn') continue;
        if (leave(member)) note(new KysoError('tokenUnavailable', 'an idle token worker ended'));
        if (member.proven) pause = shortestPause;
        seated = undefined;
      } else {
        if (up.size === 0) failAll();
        onStartDecided();
      }
      await delay(pause, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
      pause = Math.min(2 * pause, longestPause);
    }
  }

  /** Gets no further task; what it is doing it finishes. */
  function retire(member: Member): void {
    const isIdle = idle.includes(member);
    leave(member);
    if (isIdle || stopping.signal.aborted) {
      member.worker.stop();
    } else {
      retiring.add(member);
      void member.worker.exited.then(() => retiring.delete(member));
    }
  }

  function join(member: Member): void {
    up.add(member);
    release(member);
    if (stopping.signal.aborted) member.worker.stop();
  }

  /** Takes a member out; false if it was out already. */
  function leave(member: Member): boolean {
    const index = idle.indexOf(member);
    if (index >= 0) idle.splice(index, 1);
    return up.delete(member);
  }

  function release(member: Member): void {
    if (up.has(member)) idle.push(member);
    else member.worker.stop();
    dispatch();
  }

  function dispatch(): void {
    while (idle.length > 0) {
      const pieces = nextBundle();
      if (pieces.length === 0) return;
      void carryOut(idle.shift()!, pieces);
    }
  }

  /**
   * The next piece, or several small ones where more wait than there are workers: a message to a worker and back
   * costs as much as a P-256 signature. What has cost a worker its life goes alone, so that it harms no other.
   */
  function nextBundle(): Piece[] {
    const affordable = Math.max(1, Math.floor(longestTogether / pace));
    const share = Math.min(mostTogether, affordable, Math.ceil(queue.length / up.size));
    const bundle: Piece[] = [];
    while (queue.length > 0 && bundle.length < share) {
      const [job] = queue as [Job];
      const [piece] = job.waiting;
      const alone = piece && (piece.tries > 0 || !isSmall(piece.task));
      if (alone && bundle.length > 0) break;
      queue.shift();
      if (!piece) continue; // the job has failed meanwhile
      job.waiting.shift();
      if (job.waiting.length > 0) queue.push(job);
      bundle.push(piece);
      if (alone) break;
    }
    return bundle;
  }

  async function carryOut(member: Member, pieces: Piece[]): Promise<void> {
    const begun = performance.now();
    const outcomes = await member.worker.perform(pieces.map(({ task }) => task));
    if (pieces.every(({ task }) => isSmall(task))) pace = (performance.now() - begun) / pieces.length;
    const lost = outcomes.find((outcome): outcome is Lost => outcome.is === 'lost');
    if (lost) {
      leave(member);
      note(lost.error);
    } else {
      member.proven = true;
      if (outcomes.some((outcome) => outcome.is === 'done' && outcome.worn)) member.worn.resolve('worn');
    }
    for (const [index, piece] of pieces.entries()) settle(piece, outcomes[index]);
    if (lost) dispatch();
    else release(member);
  }

  /** Without an outcome the worker never began it. */
  function settle(piece: Piece, outcome?: Outcome): void {
    const { job } = piece;
    if (outcome?.is === 'done') {
      job.deliver(piece, outcome.answer);
    } else if (outcome?.is === 'failed') {
      job.fail(outcome.error);
    } else {
      if (outcome) piece.tries += 1;
      if (piece.tries < triesPerPiece && !job.isSettled()) enqueue(job, piece);
      else if (outcome) job.fail(outcome.error);
    }
  }

  function enqueue(job: Job, ...pieces: Piece[]): void {
    job.waiting.unshift(...pieces);
    if (!queue.includes(job)) queue.push(job);
  }

  function note(error: unknown): void {
    if (!stopping.signal.aborted) report(error);
  }

  function failAll(): void {
    for (const job of [...queue]) job.fail(new KysoError('tokenUnavailable', 'no token worker is up'));
  }

  /** A token that has gone, or a session that idled too long, is found by us and not by the next signer. */
  function checkIdleWorkers(): void {
    for (const member of idle.splice(0)) {
      const { job, pieces } = createJob([{ operation: 'checkToken', request: {} }], deadline);
      job.settled.catch(() => {}); // reported as the loss of the worker
      void carryOut(member, [{ ...pieces[0]!, tries: triesPerPiece - 1 }]);
    }
  }

  function size(): number {
    return stopping.signal.aborted ? 0 : up.size;
  }

  return {
    begin,
    size,
    isBusy: () => idle.length === 0,

    async perform(tasks) {
      if (size() === 0) throw new KysoError('tokenUnavailable', 'no token worker is up');
      if (tasks.length === 0) return [];
      const { job, pieces } = createJob(tasks, deadline);
      enqueue(job, ...pieces);
      dispatch();
      return job.settled;
    },

    async stop() {
      stopping.abort();
      clearInterval(idleCheck);
      failAll();
      for (const member of [...up, ...retiring]) member.worker.stop();
      await seatsDone;
    },
  };
}
