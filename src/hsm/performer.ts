import { KysoError } from '../base/errors.ts';
import { type Capabilities, serves } from './capabilities.ts';
import { remedyFor, toFailure } from './errors.ts';
import { closeSession, openSession, type Session, type Slot } from './module.ts';
import { assertTokenHasKeys, findKey } from './objects.ts';
import type { Operations, Task, WorkerMessage } from './protocol.ts';
import { hmac, residentPublicKey, signResident } from './resident-keys.ts';
import { rewrap } from './rewrap.ts';
import { assertSignable } from './signing.ts';
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
      const { kek, keyType } = task.request;
      if (!capabilities.keyTypes.includes(keyType)) {
        throw new KysoError('configuration', `this token cannot make keys of type ${keyType}`);
      }
      return generateWrapped(session, findKey(session, 'secret', kek), capabilities.wrapMechanism, keyType);
    }
    case 'sign':
      assertSignable(task.request);
      if (!serves(capabilities, task.request.keyType, task.request)) {
        throw new KysoError('signAlgoInvalid', 'this token cannot sign so');
      }
      return signWrapped(session, task.request);
    case 'signResident':
      assertSignable(task.request);
      return signResident(session, task.request);
    case 'rewrap':
      return rewrap(session, capabilities.wrapMechanism, task.request);
    case 'hmac':
      return hmac(session, task.request.label, task.request.data);
    case 'publicKey':
      return residentPublicKey(session, task.request.label);
    case 'checkToken':
      assertTokenHasKeys(session);
      return true;
  }
}
