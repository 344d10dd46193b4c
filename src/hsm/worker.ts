/**
 * Entry of a token worker: a process that holds the only PKCS#11 library, sessions and login, and does one task at a
 * time with synchronous calls. Its first message is its configuration; it ends with its channel.
 */
import { toFailure } from './errors.ts';
import { closeSession, connect, finalizeModule, openSession } from './module.ts';
import { assertTokenHasKeys } from './objects.ts';
import { createPerformer } from './performer.ts';
import { probe, selfTest } from './probe.ts';
import type { Task, WorkerConfiguration, WorkerMessage, WorkerStart } from './protocol.ts';
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
    const slot = await connect(configuration);
    const capabilities = selfTest(slot, probe(slot));
    const session = openSession(slot);
    assertTokenHasKeys(session);
    closeSession(session);
    const perform = createPerformer(slot, capabilities);
    const isWorn = wear();
    process.on('message', (task: Task) => {
      const message = perform(task);
      send(isWorn() && message.is === 'done' ? { ...message, worn: true } : message);
    });
    send({ is: 'ready', capabilities });
  } catch (error) {
    send({ is: 'lost', ...toFailure(error) });
  }
}

function send(message: WorkerStart | WorkerMessage): void {
  process.send?.(message, () => {
    if (message.is === 'lost') process.exit(1);
  });
}
