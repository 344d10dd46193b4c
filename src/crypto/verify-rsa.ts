import { constants, createPublicKey, type KeyObject, publicDecrypt } from 'node:crypto';
import { equalBytes } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { recent } from '../base/recent.ts';
import { type DigestName, digests, type KeyType, type PssParameters } from './algorithms.ts';
import { verifiesPss } from './emsa-pss.ts';

export type RsaKeyType = Extract<KeyType, { family: 'RSA' }>;

/** Whether a signature is one over a digest; see `createVerifier`. Never throws. */
export type DigestMatcher = (digestName: DigestName, digest: Uint8Array, signature: Uint8Array) => boolean;

/** Importing a key costs seven verifications. */
const importedKey = recent(64, importKey);

/**
 * RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2), with `pss` RSASSA-PSS (§8.1.2) of these parameters.
 * @throws KysoError integrity — `spki` does not hold an RSA key of this size
 */
export function rsaMatcher(type: RsaKeyType, spki: Buffer, pss?: PssParameters): DigestMatcher {
  const key = importedKey(spki.toString('base64'));
  if (key.asymmetricKeyType !== 'rsa' || key.asymmetricKeyDetails?.modulusLength !== type.bits)
    throw new KysoError('integrity', `the public key is not ${type.name}`);
  const matches = pss ? matchesPss(key, pss) : matchesPkcs1(key);
  return (digestName, digest, signature) => {
    if (signature.length !== type.signatureBytes) return false;
    try {
      return matches(digestName, digest, signature);
    } catch {
      return false;
    }
  };
}

function importKey(spki: string): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new KysoError('integrity', 'unreadable public key', { cause });
  }
}

/** Comparing the whole DigestInfo leaves no room for the parameters and garbage that forged signatures hide in. */
function matchesPkcs1(key: KeyObject): DigestMatcher {
  return (digestName, digest, signature) => {
    const found = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature);
    return equalBytes(found, Buffer.concat([digests[digestName].digestInfo, digest]));
  };
}

/** RSAVP1 refuses a number that is not below the modulus (RFC 8017 §5.2.2); what it answers is the encoded message. */
function matchesPss(key: KeyObject, pss: PssParameters): DigestMatcher {
  return (digestName, digest, signature) => {
    const encoded = publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
    return verifiesPss(encoded, digestName, digest, pss);
  };
}
