/**
 * Entry of a token worker: a process that holds the only PKCS#11 library, sessions and login, and does one task at a
 * time with synchronous calls. Its first message is its configuration; it ends with its channel.
 */
import { remedyFor, toFailure } from './errors.ts';
import { closeSession, connect, finalizeModule, openSession, type Session, type Slot } from './module.ts';
import { assertTokenHasKeys, findKey } from './objects.ts';
import { type Capabilities, probe, selfTest } from './probe.ts';
import type { Operations, Task, WorkerConfiguration, WorkerMessage } from './protocol.ts';
import { hmac, residentPublicKey, signResident } from './resident-keys.ts';
import { assertDigestLengths } from './signing.ts';
import { generateWrapped, signWrapped } from './subscriber-keys.ts';

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
    const capabilities = probe(slot);
    const session = openSession(slot);
    selfTest(session, capabilities);
    assertTokenHasKeys(session);
    closeSession(session);
    const perform = createPerformer(slot, capabilities);
    process.on('message', (task: Task) => send(perform(task)));
    send({ is: 'ready' });
  } catch (error) {
    send({ is: 'lost', ...toFailure(error) });
  }
}

function send(message: WorkerMessage): void {
  process.send?.(message, () => {
    if (message.is === 'lost') process.exit(1);
  });
}

/**
 * Performs tasks on one session, which any error ends (S50): what the error table sends to a fresh session is tried on
 * one once; what it sends to a new process, and what fails on the second session too, is answered with `lost`.
 */
function createPerformer(slot: Slot, capabilities: Capabilities): (task: Task) => WorkerMessage {
  let session: Session | undefined;
  return (task) => {
    for (let attempt = 1; ; attempt++) {
      try {
        session ??= openSession(slot);
        const answer = perform(session, capabilities, task);
        if (session.spoiled) discardSession();
        return { is: 'done', answer };
      } catch (error) {
        discardSession();
        const remedy = remedyFor(error);
        if (remedy === 'freshSession' && attempt === 1) continue;
        const lost = remedy === 'freshSession' || remedy === 'newProcess';
        return { is: lost ? 'lost' : 'failed', ...toFailure(error) };
      }
    }
  };

  function discardSession(): void {
    if (session) closeSession(session);
    session = undefined;
  }
}

function perform(session: Session, capabilities: Capabilities, task: Task): Operations[Task['operation']]['answer'] {
  switch (task.operation) {
    case 'generateKeyPair': {
      const kek = findKey(session, 'secret', task.request.kek);
      return generateWrapped(session, kek, capabilities.wrapMechanism, task.request.keyType);
    }
    case 'sign':
      assertDigestLengths(task.request);
      return signWrapped(session, task.request);
    case 'signResident':
      assertDigestLengths(task.request);
      return signResident(session, task.request);
    case 'hmac':
      return hmac(session, task.request.label, task.request.data);
    case 'publicKey':
      return residentPublicKey(session, task.request.label);
    case 'checkToken':
      assertTokenHasKeys(session);
      return true;
  }
}
