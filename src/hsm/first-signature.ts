import { randomBytes } from 'node:crypto';
import { sha256 } from '../base/bytes.ts';
import { assembleRequest, requestInfo } from '../pki/csr.ts';

/**
 * The signature that proves a new key. With `subject` (Name, DER) it is that of a PKCS#10 request, which is answered
 * (DER): the request shows to others what the signature shows here.
 */
export function firstSignature(
  { spki, subject }: { spki: Buffer; subject: Buffer | undefined },
  sign: (digest: Buffer) => Buffer[],
): { request?: Buffer } {
  const info = subject && requestInfo(subject, spki);
  const [signature] = sign(info ? sha256(info) : randomBytes(32));
  return info && signature ? { request: assembleRequest(info, signature) } : {};
}
