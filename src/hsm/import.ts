import { createCipheriv, createECDH, createHmac, randomBytes } from 'node:crypto';
import pkcs11, { type Attribute, type Handle } from 'pkcs11js';
import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import type { KeyTypeName } from '../crypto/algorithms.ts';
import { der } from '../crypto/der.ts';
import { codeOf, remedyFor } from './errors.ts';
import { readPublicKey } from './key-pair.ts';
import type { Session } from './module.ts';
import { destroyedAfter } from './objects.ts';
import type { ResidentKeySpec } from './protocol.ts';
import { suited, wrapMechanisms } from './provider.ts';
import { assertLabelFree, hmac, signResident } from './resident-keys.ts';
import { rsaAttributes } from './rsa-secret.ts';
import { wrap } from './subscriber-keys.ts';
import { hmacTemplate, kekTemplate, type Place, privateKeyTemplate, publicKeyTemplate } from './templates.ts';

/** The order of P-256 (FIPS 186-5, SP 800-186 §3.2.1.3). */
const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');

/** Whether 32 bytes are a private key of P-256. */
export const isScalarOf = (secret: Buffer): boolean => secret.some((byte) => byte !== 0) && secret.compare(order) < 0;

/**
 * Puts a key with this secret (32 bytes; an RSA key as PKCS#1) into the token, where it is as sensitive, unextractable and unchangeable as one
 * that was made there, and proves that the token uses that very secret. Answers the SPKI (DER) of a signing key.
 * @throws KysoError configuration — the label is taken, or the token takes no keys from outside
 * @throws KysoError integrity — the token does something else than this secret does
 */
export function importResidentKey(
  session: Session,
  { label, kind }: ResidentKeySpec,
  secret: Buffer,
): Buffer | undefined {
  assertLabelFree(session, label);
  const place = { label, id: randomBytes(16) };
  switch (kind) {
    case 'AES-256-KEK':
      return proveKek(session, create(session, withValue(kekTemplate(place), secret)), secret);
    case 'HMAC-SHA256':
      create(session, withValue(hmacTemplate(place), secret));
      return proveHmac(session, label, secret);
    case 'EC-P256':
      return importEcKey(session, place, secret);
    case 'RSA-2048':
    case 'RSA-3072':
    case 'RSA-4096':
      return importRsaKey(session, kind, place, secret);
    default:
      throw new KysoError('configuration', `a key of kind ${kind} cannot be backed up`);
  }
}

function create({ module, handle }: Session, template: Attribute[]): Handle {
  try {
    return module.C_CreateObject(handle, suited(module, template));
  } catch (cause) {
    if (codeOf(cause) === undefined || remedyFor(cause) !== 'none') throw cause;
    throw new KysoError(
      'configuration',
      'this token takes no keys from outside, so what it makes cannot be backed up: see --no-backup in kyso signer init --help',
      { cause },
    );
  }
}

/** The template with the key's value, and without its length, which goes with generating only. */
function withValue(template: Attribute[], value: Buffer): Attribute[] {
  return [{ type: pkcs11.CKA_VALUE, value }, ...template.filter(({ type }) => type !== pkcs11.CKA_VALUE_LEN)];
}

function importEcKey(session: Session, place: Exclude<Place, 'session'>, secret: Buffer): Buffer {
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(secret);
  const publicTemplate = publicKeyTemplate('EC-P256', place);
  const params = publicTemplate.filter(({ type }) => type === pkcs11.CKA_EC_PARAMS);
  const point = { type: pkcs11.CKA_EC_POINT, value: der(0x04, pair.getPublicKey()) };
  create(session, [...params, ...withValue(privateKeyTemplate('EC-P256', place, false), secret)]);
  return proveSigning(session, 'EC-P256', place, create(session, [point, ...publicTemplate]));
}

function importRsaKey(
  session: Session,
  keyType: KeyTypeName,
  place: Exclude<Place, 'session'>,
  secret: Buffer,
): Buffer {
  const numbers = rsaAttributes(secret, keyType);
  create(session, [...numbers, ...privateKeyTemplate(keyType, place, false)]);
  const generated: number[] = [pkcs11.CKA_MODULUS_BITS, pkcs11.CKA_PUBLIC_EXPONENT];
  const template = publicKeyTemplate(keyType, place).filter(({ type }) => !generated.includes(type));
  return proveSigning(session, keyType, place, create(session, [...numbers.slice(0, 2), ...template]));
}

/** The private half signs for the public one. Answers its SPKI. */
function proveSigning(
  session: Session,
  keyType: KeyTypeName,
  { label }: Exclude<Place, 'session'>,
  publicKey: Handle,
): Buffer {
  const { spki } = readPublicKey(session, publicKey);
  signResident(session, { label, keyType, spki, digest: 'SHA-256', digests: [randomBytes(32)] });
  return spki;
}

/** The KEK wraps a key of known value as RFC 5649 says: AES key wrap with padding, by OpenSSL. */
function proveKek(session: Session, kek: Handle, secret: Buffer): undefined {
  const { module, handle } = session;
  const mechanisms = module.C_GetMechanismList(session.slot);
  const names = Object.keys(wrapMechanisms) as (keyof typeof wrapMechanisms)[];
  const mechanism = names.find((name) => mechanisms.includes(wrapMechanisms[name]));
  if (!mechanism) throw new KysoError('tokenUnavailable', 'the token cannot wrap keys');
  const value = randomBytes(32);
  const known = module.C_CreateObject(handle, [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_AES },
    { type: pkcs11.CKA_TOKEN, value: false },
    { type: pkcs11.CKA_PRIVATE, value: true },
    { type: pkcs11.CKA_EXTRACTABLE, value: true },
    { type: pkcs11.CKA_VALUE, value },
  ]);
  const wrapped = destroyedAfter(session, [known], () => wrap(session, kek, mechanism, known));
  const cipher = createCipheriv('id-aes256-wrap-pad', secret, Buffer.from('a65959a6', 'hex'));
  const expected = Buffer.concat([cipher.update(value), cipher.final()]);
  if (!equalBytes(wrapped, expected)) throw new KysoError('integrity', 'the token wraps with another key');
  return undefined;
}

function proveHmac(session: Session, label: string, secret: Buffer): undefined {
  const data = randomBytes(32);
  const expected = createHmac('sha256', secret).update(data).digest();
  if (!equalBytes(hmac(session, label, data), expected))
    throw new KysoError('integrity', 'the token computes with another key');
  return undefined;
}
