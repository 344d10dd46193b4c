import { generateSecret, generateURI, verifySync } from 'otplib';

/** RFC 6238 with SHA-1, 6 digits, 30 s, and one step of drift to either side (S41). */
const period = 30;
const digits = 6;

/** A new seed of 160 bits as base32, and the URI that authenticator apps read. */
export function newSeed(userID: string): { totpSecret: string; otpauthUri: string } {
  const totpSecret = generateSecret({ length: 20 });
  return { totpSecret, otpauthUri: generateURI({ issuer: 'Kyso', label: userID, secret: totpSecret, period, digits }) };
}

/** The step that an instant lies in. */
export const stepOf = (now: number): number => Math.floor(now / 1000 / period);

/** The step that this code belongs to, if it is one of the three that count now. */
export function matchStep(secret: string, code: string, now: number): number | undefined {
  if (!/^[0-9]{6}$/.test(code)) return undefined;
  const result = verifySync({
    secret,
    token: code,
    period,
    digits,
    epoch: Math.floor(now / 1000),
    epochTolerance: period,
  });
  return result.valid && 'timeStep' in result ? result.timeStep : undefined;
}
