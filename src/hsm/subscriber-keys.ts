import pkcs11, { type Attribute, type Handle } from 'pkcs11js';
import { KysoError } from '../base/errors.ts';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import { firstSignature } from './first-signature.ts';
import { generateKeyPair, readPublicKey } from './key-pair.ts';
import type { Session } from './module.ts';
import { destroyedAfter, findKey } from './objects.ts';
import type { GeneratedKey, SignJob } from './protocol.ts';
import { isWrapMechanism, unwrapHints, type WrapMechanism, wrapMechanisms, wrappedKeyRoom } from './provider.ts';
import { signDigests } from './signing.ts';
import { canaryTemplate, privateKeyTemplate, signMechanism } from './templates.ts';

type UnwrappedJob = Omit<SignJob, 'kek'>;

/** A wrapped key, and what it will be used for. */
type Wrapped = Pick<SignJob, 'keyType' | 'spki' | 'wrapped' | 'mechanism' | 'pss'>;

/**
 * Makes a key pair as session objects, wraps the private key under `kek`, and proves the blob by a signature made
 * with what it unwraps to (S53). Nothing of it stays in the token.
 * @throws KysoError integrity — the blob does not give back the private key of the public key
 */
export function generateWrapped(
  session: Session,
  kek: Handle,
  mechanism: WrapMechanism,
  keyType: KeyTypeName,
  subject?: Buffer,
): GeneratedKey {
  const { publicKey, privateKey } = generateKeyPair(session, keyType, 'session', true);
  return destroyedAfter(session, [privateKey, publicKey], () => {
    const { spki } = readPublicKey(session, publicKey);
    const wrapped = wrap(session, kek, mechanism, privateKey);
    const key = { wrapped, mechanism, spki };
    const proof = firstSignature({ spki, subject }, (digest) =>
      signUnwrapped(session, kek, { ...key, keyType, digest: 'SHA-256', digests: [digest] }),
    );
    return { ...key, ...proof };
  });
}

/**
 * Unwraps a subscriber's key as a session object, signs, and destroys it.
 * @throws KysoError integrity — the blob is not one of `job.kek`, or not the key of `job.spki` (S11)
 */
export function signWrapped(session: Session, job: SignJob): Buffer[] {
  return signUnwrapped(session, findKey(session, 'secret', job.kek), job);
}

/** As `signWrapped`, with the handle of the KEK. The key can do what the job needs, and nothing else. */
export function signUnwrapped(session: Session, kek: Handle, job: UnwrappedJob): Buffer[] {
  const key = unwrap(session, kek, job);
  return destroyedAfter(session, [key], () => signDigests(session, key, job));
}

export function wrap({ module, handle }: Session, kek: Handle, mechanism: WrapMechanism, key: Handle): Buffer {
  const wrapped = module.C_WrapKey(
    handle,
    { mechanism: wrapMechanisms[mechanism] },
    kek,
    key,
    Buffer.alloc(wrappedKeyRoom),
  );
  return Buffer.from(wrapped);
}

/** `extractable` only for a key that is wrapped again and destroyed at once. */
export function unwrap(session: Session, kek: Handle, job: Wrapped, extractable = false): Handle {
  const { keyType, wrapped, mechanism, pss, spki } = job;
  if (!isWrapMechanism(mechanism)) throw new KysoError('integrity', 'a key blob names an unknown wrapping mechanism');
  const template = [
    ...unwrapHints(session.module, keyType, spki),
    ...sessionKeyTemplate(keyType, extractable, signMechanism(keyType, pss)),
  ];
  const attempt = () =>
    session.module.C_UnwrapKey(session.handle, { mechanism: wrapMechanisms[mechanism] }, kek, wrapped, template);
  try {
    return attempt();
  } catch (cause) {
    if (!stillWraps(session, kek, mechanism)) throw cause;
  }
  try {
    return attempt(); // the token may have come to itself between the two
  } catch (cause) {
    throw new KysoError('integrity', 'a key blob does not unwrap', { cause });
  }
}

const templates = new Map<string, readonly Attribute[]>();

/** The template of a key that is unwrapped for one mechanism: made once, since there are few. */
function sessionKeyTemplate(keyType: KeyTypeName, extractable: boolean, mechanism: number): readonly Attribute[] {
  const name = `${keyType} ${extractable} ${mechanism}`;
  const template = templates.get(name) ?? privateKeyTemplate(keyType, 'session', extractable, [mechanism]);
  templates.set(name, template);
  return template;
}

/** SoftHSM answers CKR_GENERAL_ERROR for a forged blob and for a lost token alike; only one of them wraps on. */
function stillWraps(session: Session, kek: Handle, mechanism: WrapMechanism): boolean {
  const { module, handle } = session;
  const template = canaryTemplate();
  const size = { type: pkcs11.CKA_VALUE_LEN, value: 32 };
  try {
    const canary = module.C_GenerateKey(handle, { mechanism: pkcs11.CKM_AES_KEY_GEN }, [...template, size]);
    return destroyedAfter(session, [canary], () => {
      const wrapped = wrap(session, kek, mechanism, canary);
      const copy = module.C_UnwrapKey(handle, { mechanism: wrapMechanisms[mechanism] }, kek, wrapped, template);
      return destroyedAfter(session, [copy], () => true);
    });
  } catch {
    return false;
  }
}
