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

export const digestNames = Object.keys(digests) as DigestName[];

/** The digest algorithm with this OID, if it is one that we accept (SHA-256 or stronger, CSC v1 §11.9). */
export function digestByOid(oid: string): DigestName | undefined {
  return digestNames.find((name) => digests[name].oid === oid);
}

/** The digest algorithm whose output has this many bytes: at authorization only the length is known (design §4). */
export function digestByLength(length: number): DigestName | undefined {
  return digestNames.find((name) => digests[name].length === length);
}
