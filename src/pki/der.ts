export { der } from '../crypto/der.ts';

/** Universal tags, and the context tags [0] and [1] of an IMPLICIT string. */
export const tags = {
  bitString: 0x03,
  octetString: 0x04,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  context0: 0x80,
  context1: 0x81,
} as const;
