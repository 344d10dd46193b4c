import pkcs11, { type Handle, type Mechanism } from 'pkcs11js';
import { KysoError } from '../base/errors.ts';
import {
  digests as digestTable,
  type KeyTypeName,
  keyTypes,
  longestSalt,
  type SignScheme,
} from '../crypto/algorithms.ts';
import { ecdsaToDer } from '../crypto/ecdsa.ts';
import { createVerifier } from '../crypto/verify.ts';
import type { Session } from './module.ts';
import { signMechanism } from './templates.ts';

/** What is signed and how, and the public key that the signatures must verify with. */
export type SigningJob = { keyType: KeyTypeName; spki: Buffer; digests: Buffer[] } & SignScheme;

/**
 * Refuses digests of a wrong length, and a salt for which there is no room, before a session is touched: tokens sign
 * what they are given (CKM_ECDSA cuts, CKM_RSA_PKCS takes any bytes), and an empty digest leaves a SoftHSM session
 * unusable (S25, S50).
 * @throws KysoError internal — so it is
 */
export function assertSignable({ keyType, digest, pss, digests }: Omit<SigningJob, 'spki'>): void {
  const { length } = digestTable[digest];
  const wrong = digests.find((value) => value.length !== length);
  if (wrong) throw new KysoError('internal', `a digest of ${wrong.length} bytes cannot be ${digest}`);
  if (!pss) return;
  const fits = keyTypes[keyType].family === 'RSA' && pss.saltLength <= longestSalt(keyType, digest);
  if (!fits) throw new KysoError('internal', `${keyType} cannot take a salt of ${pss.saltLength} bytes`);
}

/**
 * Signs each digest with the private key `key` and verifies each signature in software (S12). Answers wire form:
 * RSASSA-PKCS1-v1_5 or RSASSA-PSS octets, or a DER ECDSA-Sig-Value.
 * @throws KysoError integrity — a signature does not verify; none is returned
 */
export function signDigests(session: Session, key: Handle, job: SigningJob): Buffer[] {
  const verify = createVerifier(job.keyType, job.spki, job.pss);
  return job.digests.map((digest) => {
    const signature = signDigest(session, key, job, digest);
    if (!verify(job.digest, digest, signature)) {
      throw new KysoError('integrity', 'the token made a signature that does not verify with the public key');
    }
    session.onProgress?.();
    return signature;
  });
}

function signDigest(session: Session, key: Handle, job: SigningJob, digest: Buffer): Buffer {
  const { family, signatureBytes } = keyTypes[job.keyType];
  session.module.C_SignInit(session.handle, mechanismOf(job), key);
  const signature = session.module.C_Sign(session.handle, inputOf(job, digest), Buffer.alloc(signatureBytes));
  return family === 'RSA' ? signature : ecdsaToDer(signature);
}

/**
 * What the mechanism takes for a digest: CKM_RSA_PKCS its DigestInfo, CKM_RSA_PKCS_PSS the digest itself, CKM_ECDSA its
 * leftmost bits, as many as the curve has (FIPS 186-5 §6.4.1).
 */
function inputOf({ keyType, digest: name, pss }: SigningJob, digest: Buffer): Buffer {
  const { family, signatureBytes } = keyTypes[keyType];
  if (family === 'EC') return digest.subarray(0, signatureBytes / 2);
  return pss ? digest : Buffer.concat([digestTable[name].digestInfo, digest]);
}

function mechanismOf({ keyType, digest, pss }: SigningJob): Mechanism {
  const mechanism = signMechanism(keyType, pss);
  if (!pss) return { mechanism };
  const parameter = {
    type: pkcs11.CK_PARAMS_RSA_PSS,
    hashAlg: digestNumbers[digest].hash,
    mgf: digestNumbers[pss.mgfDigest].mgf,
    saltLen: pss.saltLength,
  };
  return { mechanism, parameter };
}

/** How CK_RSA_PKCS_PSS_PARAMS names the digests. */
const digestNumbers = {
  'SHA-256': { hash: pkcs11.CKM_SHA256, mgf: pkcs11.CKG_MGF1_SHA256 },
  'SHA-384': { hash: pkcs11.CKM_SHA384, mgf: pkcs11.CKG_MGF1_SHA384 },
  'SHA-512': { hash: pkcs11.CKM_SHA512, mgf: pkcs11.CKG_MGF1_SHA512 },
} as const;
