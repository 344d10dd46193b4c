import { createHash } from 'node:crypto';
import { type DigestName, digestByOid, digests, type KeyTypeName, resolveScheme } from '../crypto/algorithms.ts';
import { verifiesMessage } from '../crypto/verify-message.ts';
import { signerKey } from './cms.ts';
import { der, tags } from './der.ts';
import { type DerReader, readDer } from './der-reader.ts';

/** A CMS SignedData with one signer and signed attributes (RFC 5652), cut into what its judges need. */
export type SignedData = {
  /** IssuerAndSerialNumber, or the key identifier in its context tag; DER. */
  signer: Buffer;
  /** OID of what is signed, and its bytes if they are inside. */
  contentType: string;
  content: Buffer | undefined;
  /** Carried along, DER, in the order of the SET. */
  certificates: Buffer[];
  /** Of the content and of the signed attributes; undefined for one that we do not accept. */
  digest: DigestName | undefined;
  /** What gets signed: the signed attributes as SET OF, DER. */
  signedAttributes: Buffer;
  /** The one value of a signed attribute (DER), by OID. */
  attributes: Map<string, Buffer>;
  /** Of the signature; `params` are RSASSA-PSS-params, DER. */
  algorithm: { oid: string; params?: Buffer };
  signature: Buffer;
};

const what = 'a CMS SignedData with one signer, in DER';

export const cmsOids = {
  signedData: '1.2.840.113549.1.7.2',
  data: '1.2.840.113549.1.7.1',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
} as const;

/**
 * Reads a ContentInfo with SignedData. Nothing is verified: `isSignedDataBy` does.
 * @throws KysoError document — malformed, more than one signer, or no signed attributes
 */
export function readSignedData(cms: Uint8Array): SignedData {
  const info = readDer(cms, what);
  if (info.oid() !== cmsOids.signedData) throw info.malformed();
  const wrapped = info.enter(tags.explicit0);
  info.end();
  const fields = wrapped.enter();
  wrapped.end();
  fields.small();
  fields.element(tags.set);
  const encapsulated = fields.enter();
  const contentType = encapsulated.oid();
  const inside = encapsulated.enterOptional(tags.explicit0);
  const content = inside?.element(tags.octetString).content;
  inside?.end();
  encapsulated.end();
  const carried = fields.enterOptional(tags.explicit0);
  const certificates = carried?.list(16, (list) => list.element(tags.sequence).raw) ?? [];
  fields.optional(tags.explicit1);
  const [signer] = fields.enter(tags.set).list(1, (list) => readSigner(list.enter()));
  fields.end();
  if (!signer) throw fields.malformed();
  return { contentType, content, certificates, ...signer };
}

function readSigner(fields: DerReader): Omit<SignedData, 'contentType' | 'content' | 'certificates'> {
  fields.small();
  const signer = fields.element().raw;
  const digest = digestIn(fields);
  const { content } = fields.element(tags.explicit0);
  const signedAttributes = der(tags.set, content);
  const attributes = new Map<string, Buffer>();
  for (const [oid, value] of readDer(signedAttributes, what, tags.set).list(32, readAttribute)) {
    if (attributes.has(oid)) throw fields.malformed();
    attributes.set(oid, value);
  }
  const algorithm = readAlgorithm(fields);
  const signature = fields.element(tags.octetString).content;
  fields.optional(tags.explicit1);
  fields.end();
  return { signer, digest, signedAttributes, attributes, algorithm, signature };
}

function readAlgorithm(reader: DerReader): SignedData['algorithm'] {
  const algorithm = reader.enter();
  const oid = algorithm.oid();
  const params = algorithm.follows(tags.sequence) ? algorithm.element().raw : undefined;
  algorithm.optional(tags.null);
  algorithm.end();
  return { oid, ...(params && { params }) };
}

/** Undefined for one that we do not accept. */
function digestIn(reader: DerReader): DigestName | undefined {
  const { oid, params } = readAlgorithm(reader);
  return params ? undefined : digestByOid(oid);
}

function readAttribute(list: DerReader): [string, Buffer] {
  const fields = list.enter();
  const oid = fields.oid();
  const values = fields.enter(tags.set);
  const value = values.element().raw;
  values.end();
  fields.end();
  return [oid, value];
}

/**
 * Whether the key of this certificate (DER) signed this content by this SignedData: content type, message digest, the
 * hash of the certificate in its signing-certificate attribute (RFC 5035), and the signature (RSA or ECDSA).
 * @throws KysoError document — no certificate, a key that is none of the algorithm table, or a signing-certificate
 *   attribute that is malformed
 */
export function isSignedDataBy(signed: SignedData, certificate: Uint8Array, content: Uint8Array): boolean {
  const { digest, attributes, signature, signedAttributes } = signed;
  const { keyType, spki } = signerKey(certificate);
  const scheme = digest && schemeOf(signed.algorithm, digest, keyType);
  if (!digest || scheme?.digest !== digest) return false;
  const expected = der(tags.octetString, createHash(digest).update(content).digest());
  const type = attributes.get(cmsOids.contentType);
  return (
    type !== undefined &&
    readOid(type) === signed.contentType &&
    attributes.get(cmsOids.messageDigest)?.equals(expected) === true &&
    namesCertificate(attributes, certificate) &&
    verifiesMessage(keyType, spki, scheme, signedAttributes, signature)
  );
}

function schemeOf({ oid, params }: SignedData['algorithm'], digest: DigestName, keyType: KeyTypeName) {
  try {
    return resolveScheme(keyType, oid, digests[digest].oid, params);
  } catch {
    return undefined; // an algorithm of another kind of key
  }
}

function readOid(value: Buffer): string {
  return readDer(der(tags.sequence, value), what).oid();
}

/** Whether the first ESSCertID (SHA-1) or ESSCertIDv2 (SHA-256 unless it says another) is of this certificate. */
function namesCertificate(attributes: SignedData['attributes'], certificate: Uint8Array): boolean {
  const second = attributes.get(cmsOids.signingCertificateV2);
  const value = second ?? attributes.get(cmsOids.signingCertificate);
  if (!value) return false;
  const first = readDer(value, what).enter().enter();
  const stated = second && first.follows(tags.sequence) ? digestIn(first) : 'SHA-256';
  const hash = second ? stated : 'sha1';
  const named = first.element(tags.octetString).content;
  const found = hash && createHash(hash).update(certificate).digest();
  return found?.equals(named) === true;
}
