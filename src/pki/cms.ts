import * as asn1js from 'asn1js';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import {
  type DigestName,
  digests,
  type KeyTypeName,
  keyTypes,
  pssParams,
  type SignScheme,
  signAlgos,
} from '../crypto/algorithms.ts';
import { certificateFields } from './certificate-fields.ts';
import { importSpki, keyTypeOf } from './public-key.ts';

/*
 * CMS SignedData (RFC 5652) for a signature that is made elsewhere, in the shape of CAdES-B-B (EN 319 122-1) and
 * PAdES-B-B (EN 319 142-1). Not with the SignedData of pkijs: it falls back to SHA-1, leaves the NULL out of RSA
 * AlgorithmIdentifiers, and keeps the attributes in the order given.
 */

const oids = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  timeStampToken: '1.2.840.113549.1.9.16.2.14',
};

/** DER certificates, the signer's first, each of the next that of the issuer. */
export type Chain = readonly [Uint8Array, ...Uint8Array[]];

/**
 * The public key (SubjectPublicKeyInfo, DER) of a DER certificate that is to sign, and its type.
 * @throws KysoError document — not an X.509 v3 certificate, or a kind of key that is not in the algorithm table
 */
export function signerKey(certificate: Uint8Array): { keyType: KeyTypeName; spki: Buffer } {
  const { spki } = certificateFields(certificate);
  const found = keyTypeOf(importSpki(spki));
  const type = Object.values(keyTypes).find(({ name }) => name === found);
  if (!type) throw new KysoError('document', `The certificate holds an ${found} key, which is not supported.`);
  return { keyType: type.name, spki };
}

/**
 * The signed attributes of a CAdES or PAdES baseline signature: content-type, message-digest and ESS
 * signing-certificate-v2 (RFC 5035 §3), never signing-time (EN 319 142-1 forbids it in PAdES). The answer is the DER
 * `SET OF Attribute`, sorted as X.690 §11.6 asks; what gets signed is the digest of exactly these bytes (RFC 5652 §5.4).
 */
export function prepareSignedAttributes(input: {
  documentDigest: Uint8Array;
  digest: DigestName;
  certificate: Uint8Array;
  /** OID of what is signed: plain data unless another is given. */
  contentType?: string;
}): Buffer {
  if (input.documentDigest.length !== digests[input.digest].length) throw new KysoError('digestLength');
  // SHA-256 is the default of ESSCertIDv2.hashAlgorithm, and DER leaves defaults out.
  const certHash = sha256(input.certificate);
  const signingCertificate = sequence(sequence(sequence(octets(certHash))));
  return encode(
    setOf([
      attribute(oids.contentType, oid(input.contentType ?? oids.data)),
      attribute(oids.messageDigest, octets(input.documentDigest)),
      attribute(oids.signingCertificateV2, signingCertificate),
    ]),
  );
}

/**
 * The SignedData, wrapped in ContentInfo, as DER: detached, or around `content`. `signedAttributes` are the bytes of
 * {@link prepareSignedAttributes}, `signature` is RSA octets or a DER ECDSA-Sig-Value over their digest by `scheme`, `chain` holds
 * the certificates to carry along, the signer's first. The signature is taken as it is, not verified. `timestampToken`
 * is an RFC 3161 token over `signature`, which makes of B-B B-T (EN 319 122-1 §5.3).
 * @throws KysoError document — a certificate that cannot be used
 */
export function assembleSignedData(input: {
  signedAttributes: Uint8Array;
  scheme: SignScheme;
  signature: Uint8Array;
  chain: Chain;
  timestampToken?: Uint8Array;
  /** Not plain data, but this type (OID) and these bytes inside the SignedData. */
  content?: { type: string; bytes: Uint8Array };
  /** The SignedData is to carry no certificates; `chain` still says who signs. */
  withoutCertificates?: boolean;
}): Buffer {
  const { chain, content, timestampToken } = input;
  const [certificate] = chain;
  const { issuer, serialNumber } = certificateFields(certificate);
  const { digest } = input.scheme;
  const digestAlgorithm = sequence(oid(digests[digest].oid));
  const signerInfo = sequence(
    integer(Buffer.of(1)),
    sequence(decode(issuer), integer(serialNumber)),
    digestAlgorithm,
    implicit0(decode(input.signedAttributes)),
    signatureAlgorithm(signerKey(certificate).keyType, input.scheme),
    octets(input.signature),
    ...(timestampToken ? [context(1, [attribute(oids.timeStampToken, decode(timestampToken))])] : []),
  );
  const signedData = sequence(
    // RFC 5652 §5.1: version 3 for any content but plain data.
    integer(Buffer.of(content ? 3 : 1)),
    setOf([digestAlgorithm]),
    content ? sequence(oid(content.type), context(0, [octets(content.bytes)])) : sequence(oid(oids.data)),
    ...(input.withoutCertificates ? [] : [implicit0(setOf(chain.map(decode)))]),
    setOf([signerInfo]),
  );
  return encode(sequence(oid(oids.signedData), context(0, [signedData])));
}

/**
 * The AlgorithmIdentifier of the signature: NULL parameters for RSA (RFC 4055 §5), none for ECDSA (RFC 5754 §3.3), and
 * for RSASSA-PSS the usual ones: MGF1 with the same digest, a salt of its length (RFC 4056 §3).
 */
function signatureAlgorithm(keyType: KeyTypeName, { digest, pss }: SignScheme): asn1js.Sequence {
  const { family } = keyTypes[keyType];
  if (pss) {
    const usual = pss.mgfDigest === digest && pss.saltLength === digests[digest].length;
    if (family !== 'RSA' || !usual) throw new KysoError('signAlgoParamsInvalid');
    return sequence(oid('1.2.840.113549.1.1.10'), decode(pssParams(digest)));
  }
  const algo = signAlgos.find((row) => row.family === family && row.digest === digest);
  if (!algo) throw new KysoError('signAlgoInvalid');
  return family === 'RSA' ? sequence(oid(algo.oid), new asn1js.Null()) : sequence(oid(algo.oid));
}

const integer = (valueHex: Uint8Array) => new asn1js.Integer({ valueHex });
const oid = (value: string) => new asn1js.ObjectIdentifier({ value });
const octets = (valueHex: Uint8Array) => new asn1js.OctetString({ valueHex });
const sequence = (...value: asn1js.BaseBlock[]) => new asn1js.Sequence({ value });
const attribute = (type: string, value: asn1js.BaseBlock) => sequence(oid(type), setOf([value]));

/** A DER SET OF: the encodings in ascending order (X.690 §11.6). */
const setOf = (items: asn1js.BaseBlock[]) =>
  new asn1js.Set({ value: items.toSorted((a, b) => Buffer.compare(encode(a), encode(b))) });

const context = (tagNumber: number, value: asn1js.BaseBlock[]) =>
  new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber }, value });

/** The same content under the tag `[0] IMPLICIT`. */
function implicit0(set: asn1js.BaseBlock): asn1js.Constructed {
  if (!(set instanceof asn1js.Set)) throw new KysoError('internal', 'the signed attributes are no SET');
  return context(0, set.valueBlock.value);
}

const encode = (block: asn1js.BaseBlock): Buffer => Buffer.from(block.toBER());

/** One DER value; what would not encode to the same bytes again is refused, since hashes were taken over them. */
function decode(der: Uint8Array): asn1js.BaseBlock {
  const { offset, result } = asn1js.fromBER(der);
  if (offset !== der.length || !encode(result).equals(der))
    throw new KysoError('document', 'A certificate or timestamp is not DER.');
  return result;
}
