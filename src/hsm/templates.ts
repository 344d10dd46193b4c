import pkcs11, { type Attribute } from 'pkcs11js';
import { type KeyTypeName, keyTypes, type PssParameters } from '../crypto/algorithms.ts';
import { derOid } from '../crypto/der.ts';
import { allowedMechanisms, sealed, wrapMechanisms } from './provider.ts';

/** A session object dies with its session; a token object is found again by its label. */
export type Place = 'session' | { label: string; id: Buffer };

/** The mechanism of a signature: ECDSA over a digest, PKCS#1 v1.5 over a DigestInfo, with `pss` PSS over a digest. */
export function signMechanism(keyType: KeyTypeName, pss?: PssParameters): number {
  if (keyTypes[keyType].family === 'EC') return pkcs11.CKM_ECDSA;
  return pss ? pkcs11.CKM_RSA_PKCS_PSS : pkcs11.CKM_RSA_PKCS;
}

/**
 * A private signing key (S5): sensitive, for signing by these mechanisms only, unchangeable. `extractable` holds for the
 * moment between generation and wrapping and for nothing else. `mechanisms` are others than PKCS#1 v1.5 or ECDSA for a
 * key that is unwrapped to sign by one of them, and for a subscriber's key that stays in the token.
 */
export function privateKeyTemplate(
  keyType: KeyTypeName,
  place: Place,
  extractable: boolean,
  mechanisms = [signMechanism(keyType)],
): Attribute[] {
  return sealed([
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11KeyType(keyType) },
    ...placed(place),
    { type: pkcs11.CKA_EXTRACTABLE, value: extractable },
    ...yes(pkcs11.CKA_PRIVATE, pkcs11.CKA_SENSITIVE, pkcs11.CKA_SIGN),
    ...no(pkcs11.CKA_SIGN_RECOVER, pkcs11.CKA_DECRYPT, pkcs11.CKA_UNWRAP, pkcs11.CKA_DERIVE),
    allowedMechanisms(...mechanisms),
  ]);
}

/** The public half of a signing key; it is read once, and its signatures are checked in software. */
export function publicKeyTemplate(keyType: KeyTypeName, place: Place): Attribute[] {
  return sealed([
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PUBLIC_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11KeyType(keyType) },
    ...placed(place),
    ...parameters(keyType),
    ...yes(pkcs11.CKA_VERIFY),
    ...no(pkcs11.CKA_PRIVATE, pkcs11.CKA_VERIFY_RECOVER, pkcs11.CKA_ENCRYPT, pkcs11.CKA_WRAP, pkcs11.CKA_DERIVE),
  ]);
}

/** A key-encryption key, AES-256: it wraps and unwraps, and never decrypts, which would yield what it wrapped (S5). */
export function kekTemplate(place: Place): Attribute[] {
  return sealed([
    ...secretKey(pkcs11.CKK_AES, place),
    ...yes(pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP),
    ...no(pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY),
    allowedMechanisms(...Object.values(wrapMechanisms)),
  ]);
}

/** A key for HMAC-SHA-256, 256 bits: it makes codes and is never read. */
export function hmacTemplate(place: Place): Attribute[] {
  return sealed([
    ...secretKey(pkcs11.CKK_GENERIC_SECRET, place),
    ...yes(pkcs11.CKA_SIGN),
    ...no(pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_VERIFY),
    allowedMechanisms(pkcs11.CKM_SHA256_HMAC),
  ]);
}

/** An AES key of no value, to find out whether a KEK still wraps and unwraps. */
export function canaryTemplate(): Attribute[] {
  return [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_AES },
    ...placed('session'),
    ...yes(pkcs11.CKA_PRIVATE, pkcs11.CKA_EXTRACTABLE),
  ];
}

/** An HMAC key of no value whose secret can be read, to check the token's arithmetic. */
export function selfTestHmacTemplate(): Attribute[] {
  return [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_GENERIC_SECRET },
    { type: pkcs11.CKA_VALUE_LEN, value: 32 },
    ...placed('session'),
    ...yes(pkcs11.CKA_PRIVATE, pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_SIGN),
    ...no(pkcs11.CKA_SENSITIVE),
  ];
}

function secretKey(keyType: number, place: Place): Attribute[] {
  return [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: keyType },
    { type: pkcs11.CKA_VALUE_LEN, value: 32 },
    ...placed(place),
    ...yes(pkcs11.CKA_PRIVATE, pkcs11.CKA_SENSITIVE),
    ...no(pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_DERIVE),
  ];
}

function pkcs11KeyType(keyType: KeyTypeName): number {
  return keyTypes[keyType].family === 'RSA' ? pkcs11.CKK_RSA : pkcs11.CKK_EC;
}

function parameters(keyType: KeyTypeName): Attribute[] {
  const type = keyTypes[keyType];
  if (type.family === 'EC') return [{ type: pkcs11.CKA_EC_PARAMS, value: derOid(type.curveOid) }];
  return [
    { type: pkcs11.CKA_MODULUS_BITS, value: type.bits },
    { type: pkcs11.CKA_PUBLIC_EXPONENT, value: Buffer.from('010001', 'hex') },
  ];
}

function placed(place: Place): Attribute[] {
  if (place === 'session') return no(pkcs11.CKA_TOKEN);
  const named = [
    { type: pkcs11.CKA_LABEL, value: place.label },
    { type: pkcs11.CKA_ID, value: place.id },
  ];
  return [...yes(pkcs11.CKA_TOKEN), ...named];
}

function yes(...types: number[]): Attribute[] {
  return types.map((type) => ({ type, value: true }));
}

function no(...types: number[]): Attribute[] {
  return types.map((type) => ({ type, value: false }));
}
