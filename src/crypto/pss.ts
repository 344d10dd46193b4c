import { der, derOid, readElement, readUnsigned, readWhole } from './der.ts';
import { type DigestName, digestNames, digests } from './digests.ts';

/** Parameters of RSASSA-PSS (RFC 8017 §8.1) besides the digest: MGF1's digest, and the salt's length in bytes. */
export type PssParameters = { mgfDigest: DigestName; saltLength: number };

const mgf1Oid = derOid('1.2.840.113549.1.1.8');
const none = Buffer.of(0x05, 0x00);
const trailerOne = Buffer.of(0x02, 0x01, 0x01);

/** What `saltLength` is when nobody says it (RFC 8017 A.2.3). */
const defaultSaltLength = 20;

/** The usual RSASSA-PSS-params of a digest, DER: MGF1 with the same one, and a salt as long as its output (RFC 4055 §3.1). */
export function pssParams(digest: DigestName): Buffer {
  const algorithm = algorithmIdentifiers(digest)[0];
  return der(
    0x30,
    der(0xa0, algorithm),
    der(0xa1, der(0x30, mgf1Oid, algorithm)),
    der(0xa2, der(0x02, Buffer.of(digests[digest].length))),
  );
}

/**
 * Reads RSASSA-PSS-params (RFC 8017 A.2.3) whose hashes are both in our table and whose trailer is 1. Strict DER, but
 * for defaults that are written out, as many clients do. Hashes that are left out are SHA-1, and so refused like
 * everything else: by undefined. Never throws; whether the salt fits is for who knows the key.
 */
export function readPssParams(params: Uint8Array): { digest: DigestName; pss: PssParameters } | undefined {
  const body = readWhole(params, 0x30);
  if (!body) return undefined;
  let at = 0;
  const [digestField, mgfField, saltField, trailer = trailerOne] = [0xa0, 0xa1, 0xa2, 0xa3].map((tag) => {
    const field = readElement(body, at, tag);
    if (field) at = field.end;
    return field && body.subarray(field.start, field.end);
  });
  const digest = digestField && readAlgorithm(digestField);
  const mgfDigest = mgfField && readMgf1(mgfField);
  const saltLength = saltField ? readSmallInteger(saltField) : defaultSaltLength;
  if (at !== body.length || !trailerOne.equals(trailer)) return undefined;
  if (!digest || !mgfDigest || saltLength === undefined) return undefined;
  return { digest, pss: { mgfDigest, saltLength } };
}

/** The AlgorithmIdentifier of a digest, with NULL parameters and without: both are read (RFC 4055 §2.1). */
function algorithmIdentifiers(digest: DigestName): [Buffer, Buffer] {
  const oid = derOid(digests[digest].oid);
  return [der(0x30, oid, none), der(0x30, oid)];
}

function readAlgorithm(identifier: Uint8Array): DigestName | undefined {
  return digestNames.find((name) => algorithmIdentifiers(name).some((known) => known.equals(identifier)));
}

function readMgf1(identifier: Uint8Array): DigestName | undefined {
  const body = readWhole(identifier, 0x30);
  const isMgf1 = body && mgf1Oid.equals(body.subarray(0, mgf1Oid.length));
  return isMgf1 ? readAlgorithm(body.subarray(mgf1Oid.length)) : undefined;
}

/** An INTEGER of at most two bytes: no key of ours has room for a salt beyond that. */
function readSmallInteger(integer: Uint8Array): number | undefined {
  const content = readWhole(integer, 0x02);
  return content && readUnsigned(content, 2)?.readUInt16BE();
}
