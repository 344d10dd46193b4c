import { createHmac } from 'node:crypto';

/** Seconds of a TOTP step, in milliseconds. */
export const period = 30_000;

/** The code that an authenticator app shows at `at`: RFC 6238 by hand, so that the library under test is not its own judge. */
export function codeAt(totpSecret: string, at: number): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(Math.floor(at / period)));
  const mac = createHmac('sha1', fromBase32(totpSecret)).update(message).digest();
  const value = mac.readUInt32BE(mac[19]! & 15) & 0x7fffffff;
  return String(value % 1_000_000).padStart(6, '0');
}

function fromBase32(text: string): Buffer {
  const bits = Array.from(text, (letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  );
  return Buffer.from(
    bits
      .join('')
      .match(/.{8}/g)!
      .map((byte) => Number.parseInt(byte, 2)),
  );
}
