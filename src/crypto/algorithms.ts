import { KysoError } from '../base/errors.ts';

/** A digest algorithm. `digestInfo` is the DER that RFC 8017 §9.2 note 1 puts before the digest for PKCS#1 v1.5. */
export type Digest = { name: string; oid: string; length: number; digestInfo: Buffer };

const digest = (name: string, oid: string, length: number, digestInfoHex: string): Digest => ({
  name,
  oid,
  length,
  digestInfo: Buffer.from(digestInfoHex, 'hex'),
});

export const digests = {
  'SHA-256': digest('SHA-256', '2.16.840.1.101.3.4.2.1', 32, '3031300d060960864801650304020105000420'),
  'SHA-384': digest('SHA-384', '2.16.840.1.101.3.4.2.2', 48, '3041300d060960864801650304020205000430'),
  'SHA-512': digest('SHA-512', '2.16.840.1.101.3.4.2.3', 64, '3051300d060960864801650304020305000440'),
} as const satisfies Record<string, Digest>;

export type DigestName = keyof typeof digests;

/** A kind of signing key. `bits` is `key.len` of CSC; `curveOid` is `key.curve`; `signatureBytes` is what the token answers. */
export type KeyType =
  | { name: 'RSA-2048' | 'RSA-3072' | 'RSA-4096'; family: 'RSA'; bits: number; signatureBytes: number }
  | {
      name: 'EC-P256' | 'EC-P384' | 'EC-P521';
      family: 'EC';
      bits: number;
      signatureBytes: number;
      curve: 'P-256' | 'P-384' | 'P-521';
      curveOid: string;
    };

export const keyTypes = {
  'RSA-2048': { name: 'RSA-2048', family: 'RSA', bits: 2048, signatureBytes: 256 },
  'RSA-3072': { name: 'RSA-3072', family: 'RSA', bits: 3072, signatureBytes: 384 },
  'RSA-4096': { name: 'RSA-4096', family: 'RSA', bits: 4096, signatureBytes: 512 },
  'EC-P256': {
    ...{ name: 'EC-P256', family: 'EC', bits: 256, signatureBytes: 64 },
    ...{ curve: 'P-256', curveOid: '1.2.840.10045.3.1.7' },
  },
  'EC-P384': {
    ...{ name: 'EC-P384', family: 'EC', bits: 384, signatureBytes: 96 },
    ...{ curve: 'P-384', curveOid: '1.3.132.0.34' },
  },
  'EC-P521': {
    ...{ name: 'EC-P521', family: 'EC', bits: 521, signatureBytes: 132 },
    ...{ curve: 'P-521', curveOid: '1.3.132.0.35' },
  },
} as const satisfies Record<string, KeyType>;

export type KeyTypeName = keyof typeof keyTypes;

/**
 * A value of CSC's `signAlgo`. `digest` is the hash that the OID implies; where it implies none (rsaEncryption),
 * `hashAlgo` must name it (CSC v1 §11.9).
 */
export type SignAlgo = { oid: string; family: 'RSA' | 'EC'; digest?: DigestName };

/** The one table of signature algorithms, in the order of `key.algo`: hash-bound first, since clients take the first. */
export const signAlgos: readonly SignAlgo[] = [
  { oid: '1.2.840.113549.1.1.11', family: 'RSA', digest: 'SHA-256' },
  { oid: '1.2.840.113549.1.1.12', family: 'RSA', digest: 'SHA-384' },
  { oid: '1.2.840.113549.1.1.13', family: 'RSA', digest: 'SHA-512' },
  { oid: '1.2.840.113549.1.1.1', family: 'RSA' },
  { oid: '1.2.840.10045.4.3.2', family: 'EC', digest: 'SHA-256' },
  { oid: '1.2.840.10045.4.3.3', family: 'EC', digest: 'SHA-384' },
  { oid: '1.2.840.10045.4.3.4', family: 'EC', digest: 'SHA-512' },
];

/** The `signAlgo` OIDs that a key of this type can serve (`key.algo`). */
export function signAlgosOf(keyType: KeyTypeName): string[] {
  return signAlgos.filter((algo) => algo.family === keyTypes[keyType].family).map((algo) => algo.oid);
}

/** The digest algorithm with this OID, if it is one that we accept (SHA-256 or stronger, CSC v1 §11.9). */
export function digestByOid(oid: string): DigestName | undefined {
  return digestNames.find((name) => digests[name].oid === oid);
}

/** The digest algorithm whose output has this many bytes: at authorization only the length is known (design §4). */
export function digestByLength(length: number): DigestName | undefined {
  return digestNames.find((name) => digests[name].length === length);
}

export const digestNames = Object.keys(digests) as DigestName[];

/** Parameters of RSASSA-PSS (RFC 8017 §8.1) besides the digest: MGF1's digest, and the salt's length in bytes. */
export type PssParameters = { mgfDigest: DigestName; saltLength: number };

/** How a digest becomes a signature: RSASSA-PKCS1-v1_5 or ECDSA, by the key's family; with `pss`, RSASSA-PSS. */
export type SignScheme = { digest: DigestName; pss?: PssParameters };

/**
 * Resolves `signAlgo` and `hashAlgo` of a request to one digest algorithm for a key of `keyType`. An implied hash
 * wins over `hashAlgo`, which is then ignored (CSC v1 §11.9).
 * @throws KysoError signAlgoInvalid — unknown OID, or one that this key cannot serve
 * @throws KysoError hashAlgoInvalid — no hash implied, and `hashAlgo` is missing or not accepted
 */
export function resolveScheme(keyType: KeyTypeName, signAlgo: string, hashAlgo?: string, _params?: Buffer): SignScheme {
  const algo = signAlgos.find((row) => row.oid === signAlgo && row.family === keyTypes[keyType].family);
  if (!algo) throw new KysoError('signAlgoInvalid');
  const name = algo.digest ?? (hashAlgo === undefined ? undefined : digestByOid(hashAlgo));
  if (!name) throw new KysoError('hashAlgoInvalid');
  return { digest: name };
}
