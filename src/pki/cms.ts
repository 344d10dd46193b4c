import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import * as asn1js from 'asn1js';
import { Certificate } from 'pkijs';
import { KysoError } from '../base/errors.ts';
import { type DigestName, digests, type KeyTypeName, keyTypes, signAlgos } from '../crypto/algorithms.ts';

/*
 * CMS SignedData (RFC 5652) for a signature that is made elsewhere, in the shape of CAdES-B-B (EN 319 122-1) and
 * PAdES-B-B (EN 319 142-1). pkijs reads certificates only: its own SignedData falls back to SHA-1, leaves the NULL out
 * of RSA AlgorithmIdentifiers, and keeps the attributes in the order given.
 */

const oids = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
};

/** What a CMS needs to know of a certificate; `issuer` and `serialNumber` are DER. */
export type CertificateFacts = { issuer: Buffer; serialNumber: Buffer; publicKey: KeyObject; keyType: KeyTypeName };

/**
 * Reads the facts that a SignerInfo rests on from a DER certificate (RFC 5280 §4.1).
 * @throws KysoError requestInvalid — not one DER certificate, or a key that is not in the algorithm table
 */
export function readCertificate(der: Uint8Array): CertificateFacts {
  let certificate: Certificate;
  let publicKey: KeyObject;
  try {
    certificate = Certificate.fromBER(der);
    const spki = certificate.subjectPublicKeyInfo.toSchema().toBER();
    publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new KysoError('requestInvalid', 'The certificate cannot be read: it is not a DER X.509 certificate.', {
      cause,
    });
  }
  const details = publicKey.asymmetricKeyDetails;
  const keyType = Object.values(keyTypes).find((type) =>
    type.family === 'RSA'
      ? publicKey.asymmetricKeyType === 'rsa' && details?.modulusLength === type.bits
      : publicKey.asymmetricKeyType === 'ec' && details?.namedCurve === 'prime256v1',
  );
  if (!keyType) throw new KysoError('requestInvalid', 'The certificate holds a key of a kind that is not supported.');
  return {
    issuer: Buffer.from(certificate.issuer.valueBeforeDecode),
    serialNumber: encode(certificate.serialNumber),
    publicKey,
    keyType: keyType.name,
  };
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
}): Buffer {
  if (input.documentDigest.length !== digests[input.digest].length) throw new KysoError('digestLength');
  // SHA-256 is the default of ESSCertIDv2.hashAlgorithm, and DER leaves defaults out.
  const certHash = createHash('sha256').update(input.certificate).digest();
  const signingCertificate = sequence(sequence(sequence(octets(certHash))));
  return encode(
    setOf([
      attribute(oids.contentType, oid(oids.data)),
      attribute(oids.messageDigest, octets(input.documentDigest)),
      attribute(oids.signingCertificateV2, signingCertificate),
    ]),
  );
}

/**
 * The detached SignedData, wrapped in ContentInfo, as DER. `signedAttributes` are the bytes of
 * {@link prepareSignedAttributes}, `signature` is PKCS#1 v1.5 or a DER ECDSA-Sig-Value over their digest, `chain` holds
 * the certificates to carry along, the signer's first. The signature is taken as it is, not verified.
 * @throws KysoError requestInvalid — empty chain, or a certificate that cannot be used
 */
export function assembleSignedData(input: {
  signedAttributes: Uint8Array;
  digest: DigestName;
  signature: Uint8Array;
  chain: readonly Uint8Array[];
}): Buffer {
  const [certificate] = input.chain;
  if (!certificate) throw new KysoError('requestInvalid', 'The chain holds no certificate.');
  const { issuer, serialNumber, keyType } = readCertificate(certificate);
  const digestAlgorithm = () => sequence(oid(digests[input.digest].oid));
  const signerInfo = sequence(
    new asn1js.Integer({ value: 1 }),
    sequence(decode(issuer), decode(serialNumber)),
    digestAlgorithm(),
    implicit0(decode(input.signedAttributes)),
    signatureAlgorithm(keyType, input.digest),
    octets(input.signature),
  );
  const signedData = sequence(
    new asn1js.Integer({ value: 1 }),
    setOf([digestAlgorithm()]),
    sequence(oid(oids.data)),
    implicit0(setOf(input.chain.map(decode))),
    setOf([signerInfo]),
  );
  return encode(sequence(oid(oids.signedData), tagged0([signedData])));
}

/** The AlgorithmIdentifier of the signature: NULL parameters for RSA (RFC 4055 §5), none for ECDSA (RFC 5754 §3.3). */
function signatureAlgorithm(keyType: KeyTypeName, digest: DigestName): asn1js.Sequence {
  const { family } = keyTypes[keyType];
  const algo = signAlgos.find((row) => row.family === family && row.digest === digest);
  if (!algo) throw new KysoError('signAlgoInvalid');
  return family === 'RSA' ? sequence(oid(algo.oid), new asn1js.Null()) : sequence(oid(algo.oid));
}

const oid = (value: string) => new asn1js.ObjectIdentifier({ value });
const octets = (valueHex: Uint8Array) => new asn1js.OctetString({ valueHex });
const sequence = (...value: asn1js.BaseBlock[]) => new asn1js.Sequence({ value });
const attribute = (type: string, value: asn1js.BaseBlock) => sequence(oid(type), setOf([value]));

/** A DER SET OF: the encodings in ascending order (X.690 §11.6). */
const setOf = (items: asn1js.BaseBlock[]) =>
  new asn1js.Set({ value: items.toSorted((a, b) => Buffer.compare(encode(a), encode(b))) });

const tagged0 = (value: asn1js.BaseBlock[]) =>
  new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value });

/** The same content under the tag `[0] IMPLICIT`. */
function implicit0(set: asn1js.BaseBlock): asn1js.Constructed {
  if (!(set instanceof asn1js.Set)) throw new KysoError('requestInvalid', 'The signed attributes are not a DER SET.');
  return tagged0(set.valueBlock.value);
}

const encode = (block: asn1js.BaseBlock): Buffer => Buffer.from(block.toBER());

/** One DER value; what would not encode to the same bytes again is refused, since hashes were taken over them. */
function decode(der: Uint8Array): asn1js.BaseBlock {
  const { offset, result } = asn1js.fromBER(der);
  if (offset !== der.length || !encode(result).equals(der)) throw new KysoError('requestInvalid', 'This is not DER.');
  return result;
}
