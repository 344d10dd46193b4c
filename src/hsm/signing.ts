import type { Handle } from 'pkcs11js';
import { KysoError } from '../base/errors.ts';
import { type DigestName, digests as digestTable, type KeyTypeName, keyTypes } from '../crypto/algorithms.ts';
import { ecdsaToDer } from '../crypto/ecdsa.ts';
import { createVerifier } from '../crypto/verify.ts';
import type { Session } from './module.ts';
import { signMechanism } from './templates.ts';

/** What is signed, and the public key that the signatures must verify with. */
export type SigningJob = { keyType: KeyTypeName; spki: Buffer; digest: DigestName; digests: Buffer[] };

/**
 * Refuses digests of a wrong length before a session is touched: tokens sign what they are given (CKM_ECDSA cuts,
 * CKM_RSA_PKCS takes any bytes), and an empty one leaves a SoftHSM session unusable (S25, S50).
 * @throws KysoError internal — so it is
 */
export function assertDigestLengths({ digest, digests }: Pick<SigningJob, 'digest' | 'digests'>): void {
  const { length } = digestTable[digest];
  const wrong = digests.find((value) => value.length !== length);
  if (wrong) throw new KysoError('internal', `a digest of ${wrong.length} bytes cannot be ${digest}`);
}

/**
 * Signs each digest with the private key `key` and verifies each signature in software (S12). Answers wire form:
 * RSASSA-PKCS1-v1_5 octets or a DER ECDSA-Sig-Value.
 * @throws KysoError integrity — a signature does not verify; none is returned
 */
export function signDigests(session: Session, key: Handle, job: SigningJob): Buffer[] {
  const verify = createVerifier(job.keyType, job.spki);
  return job.digests.map((digest) => {
    const signature = signDigest(session, key, job.keyType, job.digest, digest);
    if (!verify(job.digest, digest, signature)) {
      throw new KysoError('integrity', 'the token made a signature that does not verify with the public key');
    }
    return signature;
  });
}

function signDigest(session: Session, key: Handle, keyType: KeyTypeName, name: DigestName, digest: Buffer): Buffer {
  const { family, signatureBytes } = keyTypes[keyType];
  const input =
    family === 'RSA' ? Buffer.concat([digestTable[name].digestInfo, digest]) : digest.subarray(0, signatureBytes / 2); // FIPS 186-5 §6.4.1: the leftmost bits, as many as the curve has
  session.module.C_SignInit(session.handle, { mechanism: signMechanism(keyType) }, key);
  const signature = session.module.C_Sign(session.handle, input, Buffer.alloc(signatureBytes));
  return family === 'RSA' ? signature : ecdsaToDer(signature);
}
