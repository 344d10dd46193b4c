/**
 * Entry of a token worker: a process that holds the only PKCS#11 library, sessions and login, and does one task after
 * the other with synchronous calls. Its first message is its configuration; it ends with its channel.
 */
import { toFailure } from './errors.ts';
import { closeSession, connect, finalizeModule, openSession } from './module.ts';
import { assertTokenHasKeys } from './objects.ts';
import { createPerformer } from './performer.ts';
import { probe, selfTest } from './probe.ts';
import { gettingOn, type Task, type WorkerConfiguration, type WorkerMessage, type WorkerStart } from './protocol.ts';
import { wear } from './wear.ts';

// A signal to the whole process group (Ctrl-C) is the parent's to answer: it still needs its workers to finish.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.once('disconnect', () => {
  finalizeModule();
  process.exit();
});
process.once('message', start);

async function start(configuration: WorkerConfiguration): Promise<void> {
  try {
    const slot = { ...(await connect(configuration)), onProgress: onceASecond(() => process.send?.(gettingOn)) };
    const capabilities = selfTest(slot, probe(slot));
    const session = openSession(slot);
    assertTokenHasKeys(session);
    closeSession(session);
    const perform = createPerformer(slot, capabilities);
    const isWorn = wear();
    process.on('message', (tasks: Task[]) => {
      const answer: WorkerMessage[] = [];
      for (const task of tasks) {
        const message = perform(task);
        answer.push(isWorn() && message.is === 'done' ? { ...message, worn: true } : message);
        if (message.is === 'lost') break;
      }
      send(answer, answer.at(-1)?.is === 'lost');
    });
    send({ is: 'ready', capabilities });
  } catch (error) {
    send({ is: 'lost', ...toFailure(error) }, true);
  }
}

/** `tell`, at most once a second. A message leaves at once, also from the middle of a task. */
function onceASecond(tell: () => void): () => void {
  let told = performance.now();
  return () => {
    const now = performance.now();
    if (now - told < 1000) return;
    told = now;
    tell();
  };
}

/** After `last` the process ends: only a new one can heal. */
function send(message: WorkerStart | WorkerMessage[], last = false): void {
  process.send?.(message, () => {
    if (last) process.exit(1);
  });
}
