import pkcs11, { type Handle } from 'pkcs11js';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import type { Capabilities } from './capabilities.ts';
import { codeOf } from './errors.ts';
import { generateKeyPair, generatePair } from './key-pair.ts';
import { closeSession, openSession, type Session, type Slot } from './module.ts';
import { allowedMechanisms } from './provider.ts';
import { generateWrapped, unwrap, wrap } from './subscriber-keys.ts';
import { kekTemplate, privateKeyTemplate, publicKeyTemplate } from './templates.ts';

/** What Kyso asks a token to refuse, each tried with a key made for it. Undefined: it could not be tried here. */
export type Enforcement = {
  /** The secret of a sensitive key is not read. */
  secretsUnread?: boolean;
  /** "Sensitive" and "extractable" do not change back. */
  flagsFixed?: boolean;
  /** A key that is not extractable does not leave the token wrapped. */
  unextractable?: boolean;
  /** A key that was unwrapped as not extractable is neither read nor wrapped again. */
  unwrappedSealed?: boolean;
  /** A key that was unwrapped for signing does not decrypt. */
  purposes?: boolean;
  /** CKA_ALLOWED_MECHANISMS is honoured. */
  allowedMechanisms?: boolean;
  /** CKA_MODIFIABLE=false is honoured. */
  unmodifiable?: boolean;
  /** CKA_COPYABLE=false is honoured. */
  uncopyable?: boolean;
};

type Attempt = (session: Session) => unknown;
/** Makes what is needed and answers what the token must refuse, all of it. */
type Trial = (session: Session) => Attempt[];

/** Tries it all, with session objects only: nothing is left in the token. */
export function tryEnforcement(slot: Slot, { custody }: Pick<Capabilities, 'custody'>): Enforcement {
  const secret = { type: pkcs11.CKA_VALUE };
  const sealedKey = (session: Session) => generateKeyPair(session, 'EC-P256', 'session', false).privateKey;
  const set =
    (key: Handle, type: number, value: boolean | string): Attempt =>
    ({ module, handle }) =>
      module.C_SetAttributeValue(handle, key, [{ type, value }]);
  const read =
    (key: Handle): Attempt =>
    ({ module, handle }) =>
      module.C_GetAttributeValue(handle, key, [secret]);

  const withoutWrapping: Record<string, Trial> = {
    secretsUnread: (session) => [read(sealedKey(session))],
    flagsFixed(session) {
      const key = openKey(session);
      return [set(key, pkcs11.CKA_EXTRACTABLE, true), set(key, pkcs11.CKA_SENSITIVE, false)];
    },
    allowedMechanisms(session) {
      const key = openKey(session, pkcs11.CKM_ECDSA_SHA1);
      return [
        ({ module, handle }) => {
          module.C_SignInit(handle, { mechanism: pkcs11.CKM_ECDSA }, key);
          module.C_Sign(handle, Buffer.alloc(32, 1), Buffer.alloc(64));
        },
      ];
    },
    unmodifiable: (session) => [set(sealedKey(session), pkcs11.CKA_LABEL, 'changed')],
    uncopyable(session) {
      const key = sealedKey(session);
      return [({ module, handle }) => module.C_CopyObject(handle, key, [{ type: pkcs11.CKA_TOKEN, value: false }])];
    },
  };
  const trials = custody === 'resident' ? withoutWrapping : { ...withoutWrapping, ...wrapping(custody) };
  return Object.fromEntries(
    Object.entries(trials).flatMap(([rule, trial]) => {
      const refused = refusesAll(slot, trial);
      return refused === undefined ? [] : [[rule, refused]];
    }),
  );

  function wrapping(mechanism: Exclude<Capabilities['custody'], 'resident'>): Record<string, Trial> {
    const newKek = ({ module, handle }: Session) =>
      module.C_GenerateKey(handle, { mechanism: pkcs11.CKM_AES_KEY_GEN }, kekTemplate('session'));
    const unwrapped = (session: Session, kek: Handle, keyType: KeyTypeName) =>
      unwrap(session, kek, { keyType, ...generateWrapped(session, kek, mechanism, keyType) });
    return {
      unextractable(session) {
        const [kek, key] = [newKek(session), sealedKey(session)];
        return [(own) => wrap(own, kek, mechanism, key)];
      },
      unwrappedSealed(session) {
        const kek = newKek(session);
        const key = unwrapped(session, kek, 'EC-P256');
        return [read(key), (own) => wrap(own, kek, mechanism, key)];
      },
      purposes(session) {
        const key = unwrapped(session, newKek(session), 'RSA-2048');
        return [({ module, handle }) => module.C_DecryptInit(handle, { mechanism: pkcs11.CKM_RSA_PKCS }, key)];
      },
    };
  }
}

/** A key that may be changed and copied, so that what refuses is not that it may not. */
function openKey(session: Session, mechanism = pkcs11.CKM_ECDSA): Handle {
  const closed = [pkcs11.CKA_MODIFIABLE, pkcs11.CKA_COPYABLE, pkcs11.CKA_ALLOWED_MECHANISMS];
  const template = privateKeyTemplate('EC-P256', 'session', false).filter(({ type }) => !closed.includes(type));
  const open = [...template, allowedMechanisms(mechanism)];
  return generatePair(session, 'EC-P256', publicKeyTemplate('EC-P256', 'session'), open).privateKey;
}

/** Whether the token refuses each of them. Each is tried on a session of its own, which an allowed one may leave busy. */
function refusesAll(slot: Slot, trial: Trial): boolean | undefined {
  const session = openSession(slot); // closing it destroys what was made in it
  try {
    const attempts = trial(session);
    return attempts.every((attempt) => refuses(slot, attempt));
  } catch {
    return undefined;
  } finally {
    closeSession(session);
  }
}

function refuses(slot: Slot, attempt: Attempt): boolean {
  const own = openSession(slot);
  try {
    attempt(own);
    return false;
  } catch (error) {
    if (codeOf(error) === undefined) throw error; // no answer of the token's
    return true;
  } finally {
    closeSession(own);
  }
}
