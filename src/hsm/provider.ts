import pkcs11, { type Attribute, type PKCS11 } from 'pkcs11js';
import { type KeyTypeName, keyTypes } from '../crypto/algorithms.ts';
import { der } from '../crypto/der.ts';

/**
 * Where PKCS#11 providers differ, or differ from the standard. Everything else in this room is plain PKCS#11.
 */

/**
 * The ways to wrap a private key, best first: both are RFC 5649 (AES key wrap with padding) where the provider keeps
 * to it. SoftHSM 2.6.1 knows only the second number; pkcs11js names neither.
 */
export const wrapMechanisms = {
  CKM_AES_KEY_WRAP_KWP: 0x210b,
  CKM_AES_KEY_WRAP_PAD: 0x210a,
} as const;

export type WrapMechanism = keyof typeof wrapMechanisms;

export function isWrapMechanism(name: string): name is WrapMechanism {
  return Object.hasOwn(wrapMechanisms, name);
}

/** CKA_ALLOWED_MECHANISMS as bytes of CK_MECHANISM_TYPE: pkcs11js crashes the process on array-valued attributes. */
export function allowedMechanisms(...mechanisms: number[]): Attribute {
  const value = Buffer.alloc(8 * mechanisms.length);
  for (const [index, mechanism] of mechanisms.entries()) value.writeBigUInt64LE(BigInt(mechanism), 8 * index);
  return { type: pkcs11.CKA_ALLOWED_MECHANISMS, value };
}

/**
 * Makes a template unchangeable. SoftHSM applies the attributes in order, so CKA_MODIFIABLE=false must be the last one
 * or it refuses those behind it; without CKA_COPYABLE=false a copy could have other attributes.
 */
export function sealed(template: Attribute[]): Attribute[] {
  return [...template, { type: pkcs11.CKA_COPYABLE, value: false }, { type: pkcs11.CKA_MODIFIABLE, value: false }];
}

const softokns = new WeakMap<PKCS11, boolean>();

/** Whether the module is softokn, the software token of NSS. */
function isSoftokn(module: PKCS11): boolean {
  const known = softokns.get(module);
  if (known !== undefined) return known;
  const answer = module.C_GetInfo().manufacturerID.startsWith('Mozilla Foundation');
  softokns.set(module, answer);
  return answer;
}

/** The name of the module, where it is known to be a token in software and no HSM, whatever it calls itself. */
export function softwareOf(module: PKCS11): string | undefined {
  if (isSoftokn(module)) return 'NSS softokn';
  return module.C_GetInfo().manufacturerID.startsWith('SoftHSM') ? 'SoftHSM' : undefined;
}

/** softokn 3.87 has no column for these in its database and answers CKR_GENERAL_ERROR to a token object with them. */
const notStoredBySoftokn = [pkcs11.CKA_ALLOWED_MECHANISMS, pkcs11.CKA_COPYABLE];

/** `template` as this module takes it. What is left out here the module would not enforce: the probe shows that. */
export function suited(module: PKCS11, template: Attribute[]): Attribute[] {
  const stays = template.some(({ type, value }) => type === pkcs11.CKA_TOKEN && value === true);
  if (!stays || !isSoftokn(module)) return template;
  return template.filter(({ type }) => !notStoredBySoftokn.includes(type));
}

const CKA_NSS_DB = 0xd5a0db00;

/**
 * What the module wants to be told, beyond the template, of a private key that it unwraps. softokn does not compute an
 * elliptic curve's point from the private key: it takes CKA_EC_POINT's bytes as CKA_NSS_DB.
 */
export function unwrapHints(module: PKCS11, keyType: KeyTypeName, spki: Buffer): Attribute[] {
  const { family, signatureBytes } = keyTypes[keyType];
  if (family !== 'EC' || !isSoftokn(module)) return [];
  // A SubjectPublicKeyInfo ends with the point; uncompressed, it has one byte more than a signature (r || s).
  return [{ type: CKA_NSS_DB, value: der(0x04, spki.subarray(-(1 + signatureBytes))) }];
}

/** SoftHSM reads exactly 32 bytes from C_InitToken's label, which pkcs11js does not pad. */
export function paddedLabel(label: string): string {
  return label + ' '.repeat(Math.max(0, 32 - Buffer.byteLength(label)));
}

/** Room for any wrapped key that we make: an RSA-4096 PKCS#8 is about 2.4 kB. pkcs11js wants the buffer beforehand. */
export const wrappedKeyRoom = 4096;
