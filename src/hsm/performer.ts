import { remedyFor, toFailure } from './errors.ts';
import { closeSession, openSession, type Session, type Slot } from './module.ts';
import { assertTokenHasKeys, findKey } from './objects.ts';
import type { Capabilities } from './probe.ts';
import type { Operations, Task, WorkerMessage } from './protocol.ts';
import { hmac, residentPublicKey, signResident } from './resident-keys.ts';
import { assertDigestLengths } from './signing.ts';
import { generateWrapped, signWrapped } from './subscriber-keys.ts';

/**
 * Performs tasks on one session, which any error ends (S50): what the error table sends to a fresh session is tried on
 * one once; what it sends to a new process, and what fails on the second session too, is answered with `lost`.
 */
export function createPerformer(slot: Slot, capabilities: Capabilities): (task: Task) => WorkerMessage {
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
