import { KysoError } from '../base/errors.ts';
import { type DigestName, digestByOid, digests } from './digests.ts';
import { type PssParameters, readPssParams } from './pss.ts';

export * from './digests.ts';
export { type PssParameters, pssParams } from './pss.ts';

/**
 * A kind of signing key. `bits` is `key.len` of CSC; `curveOid` is `key.curve`; `opensslCurve` is the name that
 * node:crypto has for the curve; `signatureBytes` is what the token answers.
 */
export type KeyType =
  | { name: 'RSA-2048' | 'RSA-3072' | 'RSA-4096'; family: 'RSA'; bits: number; signatureBytes: number }
  | {
      name: 'EC-P256' | 'EC-P384' | 'EC-P521';
      family: 'EC';
      bits: number;
      signatureBytes: number;
      curve: 'P-256' | 'P-384' | 'P-521';
      curveOid: string;
      opensslCurve: string;
    };

export const keyTypes = {
  'RSA-2048': { name: 'RSA-2048', family: 'RSA', bits: 2048, signatureBytes: 256 },
  'RSA-3072': { name: 'RSA-3072', family: 'RSA', bits: 3072, signatureBytes: 384 },
  'RSA-4096': { name: 'RSA-4096', family: 'RSA', bits: 4096, signatureBytes: 512 },
  'EC-P256': {
    ...{ name: 'EC-P256', family: 'EC', bits: 256, signatureBytes: 64 },
    ...{ curve: 'P-256', curveOid: '1.2.840.10045.3.1.7', opensslCurve: 'prime256v1' },
  },
  'EC-P384': {
    ...{ name: 'EC-P384', family: 'EC', bits: 384, signatureBytes: 96 },
    ...{ curve: 'P-384', curveOid: '1.3.132.0.34', opensslCurve: 'secp384r1' },
  },
  'EC-P521': {
    ...{ name: 'EC-P521', family: 'EC', bits: 521, signatureBytes: 132 },
    ...{ curve: 'P-521', curveOid: '1.3.132.0.35', opensslCurve: 'secp521r1' },
  },
} as const satisfies Record<string, KeyType>;

export type KeyTypeName = keyof typeof keyTypes;

/**
 * A value of CSC's `signAlgo`. `digest` is the hash that the OID implies; where it implies none, `signAlgoParams` must
 * say it if the algorithm takes parameters (RSASSA-PSS), and `hashAlgo` if not (rsaEncryption; CSC v1 §11.9).
 */
export type SignAlgo = { oid: string; family: 'RSA' | 'EC'; digest?: DigestName; params?: 'pss' };

/** The one table of signature algorithms, in the order of `key.algo`: hash-bound first, since clients take the first. */
export const signAlgos: readonly SignAlgo[] = [
  { oid: '1.2.840.113549.1.1.11', family: 'RSA', digest: 'SHA-256' },
  { oid: '1.2.840.113549.1.1.12', family: 'RSA', digest: 'SHA-384' },
  { oid: '1.2.840.113549.1.1.13', family: 'RSA', digest: 'SHA-512' },
  { oid: '1.2.840.113549.1.1.1', family: 'RSA' },
  { oid: '1.2.840.113549.1.1.10', family: 'RSA', params: 'pss' },
  { oid: '1.2.840.10045.4.3.2', family: 'EC', digest: 'SHA-256' },
  { oid: '1.2.840.10045.4.3.3', family: 'EC', digest: 'SHA-384' },
  { oid: '1.2.840.10045.4.3.4', family: 'EC', digest: 'SHA-512' },
];

/** The `signAlgo` OIDs that a key of this type can serve (`key.algo`). */
export function signAlgosOf(keyType: KeyTypeName): string[] {
  return signAlgos.filter((algo) => algo.family === keyTypes[keyType].family).map((algo) => algo.oid);
}

/** The member of a request that must name the hash of this `signAlgo`; undefined when the OID does, or is unknown. */
export function hashMember(signAlgo: string): 'hashAlgo' | 'signAlgoParams' | undefined {
  const algo = signAlgos.find((row) => row.oid === signAlgo);
  if (!algo || algo.digest) return undefined;
  return algo.params ? 'signAlgoParams' : 'hashAlgo';
}

/** How a digest becomes a signature: RSASSA-PKCS1-v1_5 or ECDSA, by the key's family; with `pss`, RSASSA-PSS. */
export type SignScheme = { digest: DigestName; pss?: PssParameters };

/** The longest salt, in bytes, for which an RSA key has room beside this digest: emLen − hLen − 2 (RFC 8017 §9.1.1). */
export function longestSalt(keyType: KeyTypeName, digest: DigestName): number {
  return keyTypes[keyType].signatureBytes - digests[digest].length - 2;
}

/**
 * Resolves the algorithm members of a request to one way of signing with a key of `keyType`. An implied hash wins over
 * `hashAlgo`, which is then ignored (CSC v1 §11.9); `params`, DER, are ignored where the algorithm takes none. With
 * RSASSA-PSS they name the hash, and `hashAlgo` may only repeat it.
 * @throws KysoError signAlgoInvalid — unknown OID, or one that this key cannot serve
 * @throws KysoError hashAlgoInvalid — no hash implied, and `hashAlgo` is missing or not accepted
 * @throws KysoError signAlgoParamsInvalid — RSASSA-PSS with parameters that are missing, unreadable, not accepted, in
 *   contradiction to `hashAlgo`, or with a salt for which the key has no room
 */
export function resolveScheme(keyType: KeyTypeName, signAlgo: string, hashAlgo?: string, params?: Buffer): SignScheme {
  const algo = signAlgos.find((row) => row.oid === signAlgo && row.family === keyTypes[keyType].family);
  if (!algo) throw new KysoError('signAlgoInvalid');
  if (algo.params) return pssScheme(keyType, hashAlgo, params);
  const name = algo.digest ?? (hashAlgo === undefined ? undefined : digestByOid(hashAlgo));
  if (!name) throw new KysoError('hashAlgoInvalid');
  return { digest: name };
}

function pssScheme(keyType: KeyTypeName, hashAlgo: string | undefined, params: Buffer | undefined): SignScheme {
  const scheme = params && readPssParams(params);
  if (!scheme) throw new KysoError('signAlgoParamsInvalid');
  const { digest, pss } = scheme;
  if (hashAlgo !== undefined && hashAlgo !== digests[digest].oid) throw new KysoError('signAlgoParamsInvalid');
  if (pss.saltLength > longestSalt(keyType, digest)) throw new KysoError('signAlgoParamsInvalid');
  return scheme;
}
