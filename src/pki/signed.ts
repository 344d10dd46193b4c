import { type KeyObject, verify } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import { signAlgos } from '../crypto/algorithms.ts';
import { bitString, derNull, derOid, sequence, tags } from './der.ts';
import type { DerReader } from './der-reader.ts';
import { importSpki } from './public-key.ts';

/** What X.509 calls SIGNED: the bytes, an AlgorithmIdentifier (DER) and the signature over the bytes. */
export type Signed = { tbs: Buffer; algorithm: Buffer; signature: Buffer };

const algorithms = signAlgos.flatMap(({ oid, family, digest }) =>
  digest ? [{ family, digest, der: family === 'RSA' ? sequence(derOid(oid), derNull) : sequence(derOid(oid)) }] : [],
);

/**
 * The AlgorithmIdentifier (DER) of what a key with this SPKI signs here: always with SHA-256; NULL parameters for RSA
 * (RFC 4055 §5), none for ECDSA (RFC 5758 §3.2).
 * @throws KysoError document — not a public key, or neither RSA nor EC
 */
export function signatureAlgorithm(spki: Uint8Array): Buffer {
  const family = familyOf(importSpki(spki));
  const found = algorithms.find((candidate) => candidate.family === family && candidate.digest === 'SHA-256');
  if (!found) throw new KysoError('document', 'neither an RSA nor an EC key');
  return found.der;
}

function familyOf(key: KeyObject): 'RSA' | 'EC' | undefined {
  return key.asymmetricKeyType === 'rsa' ? 'RSA' : key.asymmetricKeyType === 'ec' ? 'EC' : undefined;
}

/** SEQUENCE { tbs, algorithm, signature }, DER; `more` follows the signature. */
export function joinSigned({ tbs, algorithm, signature }: Record<keyof Signed, Uint8Array>, ...more: Buffer[]): Buffer {
  return sequence(tbs, algorithm, bitString(signature), ...more);
}

/** Reads the three parts from inside their SEQUENCE. */
export function readSigned(reader: DerReader): Signed {
  return {
    tbs: reader.element(tags.sequence).raw,
    algorithm: reader.element(tags.sequence).raw,
    signature: reader.bits(),
  };
}

/**
 * Whether the key made the signature, by RSA PKCS#1 v1.5 or ECDSA with SHA-256, SHA-384 or SHA-512; false for any other
 * algorithm and for one that is not of this kind of key.
 * @throws KysoError document — not a public key
 */
export function isSignedBy({ tbs, algorithm, signature }: Signed, spki: Uint8Array): boolean {
  const key = importSpki(spki);
  const family = familyOf(key);
  const found = algorithms.find((candidate) => candidate.family === family && candidate.der.equals(algorithm));
  return found !== undefined && verify(found.digest, tbs, key, signature);
}
