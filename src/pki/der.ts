import { der, derOid } from '../crypto/der.ts';

export { der, derOid };

/** Universal tags, and context tags: `context0`… of an IMPLICIT string, `explicit0`… of what is constructed. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  context0: 0x80,
  context1: 0x81,
  context2: 0x82,
  uri: 0x86,
  explicit0: 0xa0,
  explicit1: 0xa1,
  explicit2: 0xa2,
  explicit3: 0xa3,
} as const;

export const sequence = (...contents: Uint8Array[]): Buffer => der(tags.sequence, ...contents);
export const octetString = (...contents: Uint8Array[]): Buffer => der(tags.octetString, ...contents);
export const bitString = (bytes: Uint8Array): Buffer => der(tags.bitString, Buffer.of(0), bytes);
export const derNull = Buffer.of(tags.null, 0);

/** A non-negative INTEGER in its shortest form. */
export function integer(value: number | bigint): Buffer {
  return der(tags.integer, unsigned(value));
}

/** The content of a non-negative INTEGER. */
export function unsigned(value: number | bigint): Buffer {
  const hex = BigInt(value).toString(16);
  const digits = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return digits.readUInt8(0) < 0x80 ? digits : Buffer.concat([Buffer.of(0), digits]);
}

/** A Time of RFC 5280 §4.1.2.5: UTCTime to 2049, GeneralizedTime from 2050 on, in whole seconds. */
export function time(date: Date): Buffer {
  return date.getUTCFullYear() < 2050 ? der(tags.utcTime, Buffer.from(digitsOf(date).slice(2))) : generalizedTime(date);
}

/** GeneralizedTime in whole seconds; what is left of the second is cut off. */
export function generalizedTime(date: Date): Buffer {
  return der(tags.generalizedTime, Buffer.from(digitsOf(date)));
}

function digitsOf(date: Date): string {
  return `${date.toISOString().replace(/[-:T]|\..*$/g, '')}Z`;
}
