import { randomBytes } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import { KysoError } from '../base/errors.ts';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import { generateKeyPair, readPublicKey } from './key-pair.ts';
import type { Session } from './module.ts';
import { findKey, findTokenObjects } from './objects.ts';
import type { ResidentKeySpec, SignResidentJob } from './protocol.ts';
import { suited } from './provider.ts';
import { signDigests } from './signing.ts';
import { hmacTemplate, kekTemplate } from './templates.ts';

/**
 * Makes a key that stays in the token and never leaves it. Answers the SubjectPublicKeyInfo (DER) of a signing key.
 * @throws KysoError configuration — the label is taken
 */
export function createResidentKey(session: Session, { label, kind }: ResidentKeySpec): Buffer | undefined {
  const { module, handle } = session;
  assertLabelFree(session, label);
  const place = { label, id: randomBytes(16) };
  switch (kind) {
    case 'AES-256-KEK':
      module.C_GenerateKey(handle, { mechanism: pkcs11.CKM_AES_KEY_GEN }, suited(module, kekTemplate(place)));
      return undefined;
    case 'HMAC-SHA256':
      module.C_GenerateKey(
        handle,
        { mechanism: pkcs11.CKM_GENERIC_SECRET_KEY_GEN },
        suited(module, hmacTemplate(place)),
      );
      return undefined;
    default:
      return createSigningKey(session, kind, place);
  }
}

/** @throws KysoError configuration — the token has something of this label */
export function assertLabelFree(session: Session, label: string): void {
  if (findTokenObjects(session, [{ type: pkcs11.CKA_LABEL, value: label }]).length === 0) return;
  throw new KysoError('configuration', `the token already has a key "${label}"; keys are never replaced`);
}

/** Destroys the secret key of this label for good; one that is gone already is as good as destroyed. */
export function destroyResidentKey(session: Session, label: string): void {
  const attributes = [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
    { type: pkcs11.CKA_LABEL, value: label },
  ];
  for (const handle of findTokenObjects(session, attributes)) session.module.C_DestroyObject(session.handle, handle);
}

function createSigningKey(session: Session, keyType: KeyTypeName, place: { label: string; id: Buffer }): Buffer {
  const { publicKey } = generateKeyPair(session, keyType, place, false);
  const { spki } = readPublicKey(session, publicKey);
  signResident(session, { label: place.label, keyType, spki, digest: 'SHA-256', digests: [randomBytes(32)] });
  return spki;
}

/**
 * Signs with the resident private key `job.label`.
 * @throws KysoError integrity — it is not the key of `job.spki`
 */
export function signResident(session: Session, job: SignResidentJob): Buffer[] {
  return signDigests(session, findKey(session, 'private', job.label), job);
}

/** Type and SubjectPublicKeyInfo (DER) of the resident signing key `label`. */
export function residentPublicKey(session: Session, label: string): { keyType: KeyTypeName; spki: Buffer } {
  return readPublicKey(session, findKey(session, 'public', label));
}

/**
 * HMAC-SHA-256 of `data` under the resident key `label`, 32 bytes.
 * @throws KysoError internal — `data` is empty: nobody asks for that, and SoftHSM would spoil the session over it
 */
export function hmac(session: Session, label: string, data: Buffer): Buffer {
  if (data.length === 0) throw new KysoError('internal', 'nothing to authenticate');
  const key = findKey(session, 'secret', label);
  session.module.C_SignInit(session.handle, { mechanism: pkcs11.CKM_SHA256_HMAC }, key);
  return session.module.C_Sign(session.handle, data, Buffer.alloc(32));
}
