import { digests, type KeyTypeName, keyTypes, type PssParameters } from './algorithms.ts';
import { ecdsaMatcher } from './verify-ecdsa.ts';
import { type DigestMatcher, rsaMatcher } from './verify-rsa.ts';

/** Whether `signature`, in its wire form, is a signature over the precomputed `digest`. Never throws. */
export type Verifier = DigestMatcher;

/**
 * A verifier, in software, for one public key (SubjectPublicKeyInfo, DER). Signatures are DER ECDSA-Sig-Value, or
 * RSASSA-PKCS1-v1_5, with `pss` RSASSA-PSS of these parameters. Who holds the message itself uses `verifiesMessage`.
 * @throws KysoError integrity — `spki` does not hold a key of type `keyType`
 */
export function createVerifier(keyType: KeyTypeName, spki: Buffer, pss?: PssParameters): Verifier {
  const type = keyTypes[keyType];
  const matches = type.family === 'EC' ? ecdsaMatcher(type, spki) : rsaMatcher(type, spki, pss);
  return (digestName, digest, signature) =>
    digest.length === digests[digestName].length && matches(digestName, digest, signature);
}
