import { randomBytes, randomUUID } from 'node:crypto';
import pkcs11, { type Attribute, type Handle } from 'pkcs11js';
import { KysoError } from '../base/errors.ts';
import { type KeyTypeName, keyTypes } from '../crypto/algorithms.ts';
import type { Capabilities } from './capabilities.ts';
import { firstSignature } from './first-signature.ts';
import { generateResidentPair, readPublicKey } from './key-pair.ts';
import type { Session } from './module.ts';
import { assertTokenHasKeys, destroyedAfter, findTokenObjects } from './objects.ts';
import type { GeneratedKey, SignJob } from './protocol.ts';
import { signDigests } from './signing.ts';
import { signMechanism } from './templates.ts';

/**
 * Subscribers' keys in a token that cannot wrap (design §3). Each is one private object. Its label says whose it is, so
 * that it can be destroyed without its holder; its CKA_ID is random, kept under the DEK alone, and the only way to sign.
 */
const labelled = (name: string) => `kyso-subscriber ${name}`;
const idBytes = 32;

/** For an object search without a limit that a real token reaches. */
const all = 1_000_000;

/**
 * Makes a key pair whose private half stays in the token, and proves it by a signature.
 * @throws KysoError integrity — the token does not find it again by its id alone, or it is not that of the public half
 * @throws KysoError internal — there is a key of this name
 */
export function generateResident(
  session: Session,
  { pss }: Pick<Capabilities, 'pss'>,
  keyType: KeyTypeName,
  { name = randomUUID(), subject }: { name?: string | undefined; subject?: Buffer | undefined } = {},
): GeneratedKey {
  if (findResident(session, name).length > 0) throw new KysoError('internal', `the token has a key of ${name} already`);
  const place = { label: labelled(name), id: randomBytes(idBytes) };
  const withPss = keyTypes[keyType].family === 'RSA' && pss !== 'none';
  const mechanisms = [signMechanism(keyType), ...(withPss ? [pkcs11.CKM_RSA_PKCS_PSS] : [])];
  const { publicKey, privateKey } = generateResidentPair(session, keyType, place, mechanisms);
  try {
    const { spki } = destroyedAfter(session, [publicKey], () => readPublicKey(session, publicKey));
    const key = { wrapped: place.id, mechanism: 'resident' as const, spki };
    const proof = firstSignature({ spki, subject }, (digest) =>
      signInToken(session, { ...key, keyType, digest: 'SHA-256', digests: [digest] }),
    );
    return { ...key, ...proof };
  } catch (error) {
    session.module.C_DestroyObject(session.handle, privateKey);
    throw error;
  }
}

/**
 * Signs with the key whose CKA_ID is `job.wrapped`.
 * @throws KysoError integrity — no key or several keys have it (S53), or it is not the key of `job.spki` (S11)
 */
export function signInToken(session: Session, job: Omit<SignJob, 'kek'>): Buffer[] {
  if (job.wrapped.length !== idBytes) throw new KysoError('integrity', 'the id of a resident key has a wrong length');
  const [key, second] = findTokenObjects(session, [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY },
    { type: pkcs11.CKA_ID, value: job.wrapped },
  ]);
  if (second) throw new KysoError('integrity', 'several keys in the token have one id');
  if (!key) {
    assertTokenHasKeys(session);
    throw new KysoError('integrity', 'the token no longer has a key that it should keep');
  }
  return signDigests(session, key, job);
}

/** The names of all such keys in the token. */
export function residentNames(session: Session): string[] {
  const { module, handle } = session;
  const keys = findTokenObjects(session, [{ type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY }], all);
  const labels = keys.map((key) => module.C_GetAttributeValue(handle, key, [{ type: pkcs11.CKA_LABEL }])[0]!.value);
  return labels
    .map(String)
    .flatMap((label) => (label.startsWith(labelled('')) ? [label.slice(labelled('').length)] : []));
}

/** Destroys the key of this name. False: there was none. */
export function destroyResident(session: Session, name: string): boolean {
  const keys = findResident(session, name);
  for (const key of keys) session.module.C_DestroyObject(session.handle, key);
  return keys.length > 0;
}

function findResident(session: Session, name: string): Handle[] {
  const attributes: Attribute[] = [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY },
    { type: pkcs11.CKA_LABEL, value: labelled(name) },
  ];
  return findTokenObjects(session, attributes);
}
