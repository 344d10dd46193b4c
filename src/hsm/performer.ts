import { KysoError } from '../base/errors.ts';
import { type Capabilities, opens, serves } from './capabilities.ts';
import { remedyFor, toFailure } from './errors.ts';
import { closeSession, openSession, type Session, type Slot } from './module.ts';
import { assertTokenHasKeys, findKey } from './objects.ts';
import type { Operations, RewrapJob, Task, WorkerMessage } from './protocol.ts';
import { hmac, residentPublicKey, signResident } from './resident-keys.ts';
import { destroyResident, generateResident, residentNames, signInToken } from './resident-subscriber-keys.ts';
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
      const { kek, keyType, name, subject } = task.request;
      const { custody } = capabilities;
      if (!capabilities.keyTypes.includes(keyType)) {
        throw new KysoError('configuration', `this token cannot make keys of type ${keyType}`);
      }
      if (custody === 'resident') return generateResident(session, capabilities, keyType, { name, subject });
      return generateWrapped(session, findKey(session, 'secret', kek), custody, keyType, subject);
    }
    case 'sign': {
      const { keyType, mechanism } = task.request;
      assertSignable(task.request);
      if (!opens(capabilities, keyType, mechanism)) {
        throw new KysoError('keyUnusable', `this token cannot use a key of type ${keyType} kept by ${mechanism}`);
      }
      if (!serves(capabilities, keyType, task.request)) {
        throw new KysoError('signAlgoInvalid', 'this token cannot sign so');
      }
      return mechanism === 'resident' ? signInToken(session, task.request) : signWrapped(session, task.request);
    }
    case 'residentKeys':
      return residentNames(session);
    case 'destroyResident':
      return destroyResident(session, task.request.name);
    case 'signResident':
      assertSignable(task.request);
      return signResident(session, task.request);
    case 'rewrap':
      return rewrapOrKeep(session, capabilities, task.request);
    case 'hmac':
      return hmac(session, task.request.label, task.request.data);
    case 'publicKey':
      return residentPublicKey(session, task.request.label);
    case 'checkToken':
      assertTokenHasKeys(session);
      return true;
  }
}

/** A key that stays in the token has nothing to be wrapped again; one that was wrapped does not come to stay there. */
function rewrapOrKeep(session: Session, { custody }: Capabilities, job: RewrapJob): Operations['rewrap']['answer'] {
  if (job.mechanism === 'resident') return { wrapped: job.wrapped, mechanism: 'resident' };
  if (custody === 'resident') throw new KysoError('keyUnusable', 'this token cannot wrap');
  return rewrap(session, custody, job);
}
