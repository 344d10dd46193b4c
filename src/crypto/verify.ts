import { digests, type KeyTypeName, keyTypes, type PssParameters } from './algorithms.ts';
import { opensslVerifier, rsaKey } from './openssl.ts';
import { ecdsaMatcher } from './verify-ecdsa.ts';
import { type DigestMatcher, type RsaKeyType, rsaMatcher } from './verify-rsa.ts';

/** Whether `signature`, in its wire form, is a signature over the precomputed `digest`. Never throws. */
export type Verifier = DigestMatcher;

/**
 * A verifier, in software, for one public key (SubjectPublicKeyInfo, DER). Signatures are DER ECDSA-Sig-Value, or
 * RSASSA-PKCS1-v1_5, with `pss` RSASSA-PSS of these parameters. Who holds the message itself uses `verifiesMessage`.
 * @throws KysoError integrity — `spki` does not hold a key of type `keyType`
 */
export function createVerifier(keyType: KeyTypeName, spki: Buffer, pss?: PssParameters): Verifier {
  const type = keyTypes[keyType];
  const matches =
    type.family === 'EC' ? ecdsaMatcher(type, spki) : pss ? rsaMatcher(type, spki, pss) : pkcs1Matcher(type, spki);
  return (digestName, digest, signature) =>
    digest.length === digests[digestName].length && matches(digestName, digest, signature);
}

/** RSASSA-PKCS1-v1_5 as `rsaMatcher` has it, at half the cost. */
function pkcs1Matcher({ bits, signatureBytes }: RsaKeyType, spki: Buffer): DigestMatcher {
  const verifies = opensslVerifier(spki, { kind: rsaKey, bits });
  return (digestName, digest, signature) =>
    signature.length === signatureBytes && verifies(Buffer.concat([digests[digestName].digestInfo, digest]), signature);
}
