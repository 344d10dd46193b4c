import { createHash } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import { type DigestName, digestByOid, digests, type KeyTypeName, resolveScheme } from '../crypto/algorithms.ts';
import { verifiesMessage } from '../crypto/verify-message.ts';
import { certificateFields } from './certificate-fields.ts';
import { signerKey } from './cms.ts';
import { der, sequence, tags } from './der.ts';
import { type DerReader, readDer } from './der-reader.ts';

const oids = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
};

/** A detached CMS signature by one signer, cut into what its verification needs. Nothing of it is believed yet. */
export type DetachedSignature = {
  /** IssuerAndSerialNumber, or the key identifier in its context tag; DER. */
  signer: Buffer;
  digest: DigestName;
  /** What is signed: the SET OF attributes, DER. */
  signedAttributes: Buffer;
  messageDigest: Buffer;
  /** Hash of the signer's certificate, by the first ESSCertIDv2 (RFC 5035 §3). */
  certificate: { digest: DigestName; hash: Buffer };
  algorithm: { oid: string; params?: Buffer };
  signature: Buffer;
};

const what = 'a detached CMS signature of one signer with the attributes of CAdES-B-B';
const malformed = () => new KysoError('document', `not ${what}`);

/**
 * Reads SignedData (RFC 5652) without content, with one SignerInfo that has the attributes of CAdES-B-B (EN 319 122-1
 * §6.3): content-type, message-digest and ESS signing-certificate-v2, each once; more may be there, as openssl adds them.
 * @throws KysoError document — anything else, also BER that is not DER
 */
export function readDetachedSignature(cms: Uint8Array): DetachedSignature {
  const contentInfo = readDer(cms, what);
  if (contentInfo.oid() !== oids.signedData) throw malformed();
  const signedData = contentInfo.enter(tags.explicit0).enter();
  contentInfo.end();
  signedData.small();
  signedData.element(tags.set);
  const content = signedData.enter();
  if (content.oid() !== oids.data) throw malformed();
  content.end();
  signedData.optional(tags.explicit0); // certificates: whose it is, the enrolled ones say
  signedData.optional(tags.explicit1);
  const infos = signedData.enter(tags.set);
  signedData.end();
  const signature = readSignerInfo(infos.enter());
  infos.end();
  return signature;
}

function readSignerInfo(info: DerReader): DetachedSignature {
  info.small();
  const signer = info.element().raw;
  const digest = digestOf(info);
  const attributes = info.element(tags.explicit0);
  const algorithm = readAlgorithm(info);
  const signature = info.element(tags.octetString).content;
  info.optional(tags.explicit1);
  info.end();
  const list = info.within(attributes).list(32, readAttribute);
  const found = new Map(list);
  if (found.size !== list.length) throw malformed();
  const one = (oid: string): DerReader => {
    const values = found.get(oid);
    if (!values) throw malformed();
    return info.within(values);
  };
  const type = one(oids.contentType);
  if (type.oid() !== oids.data) throw malformed();
  type.end();
  const imprint = one(oids.messageDigest);
  const messageDigest = imprint.element(tags.octetString).content;
  imprint.end();
  const certificate = readCertificateId(one(oids.signingCertificateV2));
  // RFC 5652 §5.4: signed is the DER of the SET OF, under its own tag.
  const signedAttributes = der(tags.set, attributes.content);
  return { signer, digest, signedAttributes, messageDigest, certificate, algorithm, signature };
}

/** Type and values of an Attribute. */
function readAttribute(items: DerReader): [string, { content: Buffer }] {
  const attribute = items.enter();
  const oid = attribute.oid();
  const values = attribute.element(tags.set);
  attribute.end();
  return [oid, values];
}

/** The first ESSCertIDv2 of a SigningCertificateV2; SHA-256 where it names no hash. */
function readCertificateId(value: DerReader): { digest: DigestName; hash: Buffer } {
  const first = value.enter().enter().enter();
  const digest = first.follows(tags.sequence) ? digestOf(first) : 'SHA-256';
  return { digest, hash: first.element(tags.octetString).content };
}

function readAlgorithm(reader: DerReader): { oid: string; params?: Buffer } {
  const algorithm = reader.enter();
  const oid = algorithm.oid();
  const params = algorithm.follows(tags.sequence) ? algorithm.element().raw : undefined;
  algorithm.optional(tags.null);
  algorithm.end();
  return { oid, ...(params && { params }) };
}

function digestOf(reader: DerReader): DigestName {
  const { oid, params } = readAlgorithm(reader);
  const digest = params ? undefined : digestByOid(oid);
  if (!digest) throw malformed();
  return digest;
}

/**
 * Whether `certificate` (DER) is the one that the signature names, twice, and its key made the signature over `content`.
 * When the certificate counts is for the caller.
 * @throws KysoError document — the certificate cannot be read, or its key is none of the algorithm table
 */
export function isDetachedBy(signed: DetachedSignature, certificate: Uint8Array, content: Uint8Array): boolean {
  const { keyType, spki } = signerKey(certificate);
  const named = createHash(signed.certificate.digest).update(certificate).digest();
  if (!named.equals(signed.certificate.hash) || !isNamed(signed.signer, certificate)) return false;
  if (!createHash(signed.digest).update(content).digest().equals(signed.messageDigest)) return false;
  const scheme = schemeOf(signed, keyType);
  return (
    scheme?.digest === signed.digest &&
    verifiesMessage(keyType, spki, scheme, signed.signedAttributes, signed.signature)
  );
}

function isNamed(signer: Buffer, certificate: Uint8Array): boolean {
  const { issuer, serialNumber, extensions } = certificateFields(certificate);
  if (signer.equals(sequence(issuer, der(tags.integer, serialNumber)))) return true;
  const identifier = extensions.find(({ oid }) => oid === '2.5.29.14')?.value;
  return identifier !== undefined && signer.equals(der(tags.context0, identifier.subarray(2)));
}

function schemeOf({ algorithm: { oid, params }, digest }: DetachedSignature, keyType: KeyTypeName) {
  try {
    return resolveScheme(keyType, oid, digests[digest].oid, params);
  } catch {
    return undefined; // an algorithm of another kind of key
  }
}
