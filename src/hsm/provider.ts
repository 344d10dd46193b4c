import pkcs11, { type Attribute } from 'pkcs11js';

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

/** SoftHSM reads exactly 32 bytes from C_InitToken's label, which pkcs11js does not pad. */
export function paddedLabel(label: string): string {
  return label + ' '.repeat(Math.max(0, 32 - Buffer.byteLength(label)));
}

/** Room for any wrapped key that we make: an RSA-4096 PKCS#8 is about 2.4 kB. pkcs11js wants the buffer beforehand. */
export const wrappedKeyRoom = 4096;
