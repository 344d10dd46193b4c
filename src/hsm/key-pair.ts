import { createPublicKey, type JsonWebKey } from 'node:crypto';
import pkcs11, { type Attribute, type Handle, type KeyPair } from 'pkcs11js';
import { KysoError } from '../base/errors.ts';
import { type KeyTypeName, keyTypes } from '../crypto/algorithms.ts';
import { derOid, readWhole } from '../crypto/der.ts';
import type { Session } from './module.ts';
import { suited } from './provider.ts';
import { type Place, privateKeyTemplate, publicKeyTemplate } from './templates.ts';

/** Makes a signing key pair in the token. `extractable` only for a key that is wrapped and destroyed at once. */
export function generateKeyPair(session: Session, keyType: KeyTypeName, place: Place, extractable: boolean): KeyPair {
  const template = privateKeyTemplate(keyType, place, extractable);
  return generatePair(session, keyType, publicKeyTemplate(keyType, place), template);
}

/** The same for the one key pair of a subscriber whose private half stays in the token: the public one does not. */
export function generateResidentPair(
  session: Session,
  keyType: KeyTypeName,
  place: Place,
  mechanisms: number[],
): KeyPair {
  const template = privateKeyTemplate(keyType, place, false, mechanisms);
  return generatePair(session, keyType, publicKeyTemplate(keyType, 'session'), template);
}

/** A key pair by these templates. */
export function generatePair(
  session: Session,
  keyType: KeyTypeName,
  publicHalf: Attribute[],
  privateHalf: Attribute[],
): KeyPair {
  const rsa = keyTypes[keyType].family === 'RSA';
  return session.module.C_GenerateKeyPair(
    session.handle,
    { mechanism: rsa ? pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN : pkcs11.CKM_EC_KEY_PAIR_GEN },
    suited(session.module, publicHalf),
    suited(session.module, privateHalf),
  );
}

/**
 * Type and SubjectPublicKeyInfo (DER) of a public key object.
 * @throws KysoError integrity — it is no key that we know, or its point is not on the curve
 */
export function readPublicKey(session: Session, key: Handle): { keyType: KeyTypeName; spki: Buffer } {
  const [type] = read(session, key, pkcs11.CKA_KEY_TYPE);
  const rsa = type?.readUInt32LE() === pkcs11.CKK_RSA;
  return rsa ? rsaPublicKey(session, key) : ecPublicKey(session, key);
}

function rsaPublicKey(session: Session, key: Handle) {
  const [modulus = Buffer.of(), exponent = Buffer.of()] = read(
    session,
    key,
    pkcs11.CKA_MODULUS,
    pkcs11.CKA_PUBLIC_EXPONENT,
  );
  const type = Object.values(keyTypes).find((row) => row.family === 'RSA' && row.signatureBytes === modulus.length);
  if (!type) throw new KysoError('integrity', `the token holds an RSA modulus of ${modulus.length} bytes`);
  const [n, e] = [modulus.toString('base64url'), exponent.toString('base64url')];
  return { keyType: type.name, spki: spkiOf({ kty: 'RSA', n, e }) };
}

/** CKA_EC_POINT is an uncompressed point (SEC 1 §2.3.3) in a DER OCTET STRING, CKA_EC_PARAMS the OID of the curve. */
function ecPublicKey(session: Session, key: Handle) {
  const [params, wrapped = Buffer.of()] = read(session, key, pkcs11.CKA_EC_PARAMS, pkcs11.CKA_EC_POINT);
  const type = Object.values(keyTypes).find((row) => row.family === 'EC' && params?.equals(derOid(row.curveOid)));
  if (type?.family !== 'EC') throw new KysoError('integrity', 'the token holds a key on a curve that we do not know');
  const point = Buffer.from(readWhole(wrapped, 0x04) ?? []);
  const width = type.signatureBytes / 2;
  if (point.length !== 1 + 2 * width || point[0] !== 0x04) {
    throw new KysoError('integrity', `the token holds a point that is not of ${type.curve}`);
  }
  const [x, y] = [point.toString('base64url', 1, 1 + width), point.toString('base64url', 1 + width)];
  return { keyType: type.name, spki: spkiOf({ kty: 'EC', crv: type.curve, x, y }) };
}

function spkiOf(jwk: JsonWebKey): Buffer {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' });
  } catch (cause) {
    throw new KysoError('integrity', 'the token holds a public key that is none', { cause });
  }
}

function read({ module, handle }: Session, key: Handle, ...types: number[]): Buffer[] {
  const template = types.map((type) => ({ type }));
  return module.C_GetAttributeValue(handle, key, template).map(({ value }) => value);
}
