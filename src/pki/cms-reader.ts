import { createHash, verify } from 'node:crypto';
import { type DigestName, digestByOid, signAlgos } from '../crypto/algorithms.ts';
import { certificateFields } from './certificate-fields.ts';
import { der, tags } from './der.ts';
import { type DerReader, readDer } from './der-reader.ts';
import { importSpki } from './public-key.ts';

/** A CMS SignedData with one signer and signed attributes (RFC 5652), cut into what its judges need. */
export type SignedData = {
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
  /** OID of the signature algorithm. */
  algorithm: string;
  signature: Buffer;
};

const what = 'a CMS SignedData with one signer, in DER';

export const cmsOids = {
  signedData: '1.2.840.113549.1.7.2',
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
  fields.element(); // who: the certificate is found by the signing-certificate attribute and its key
  const digest = digestByOid(algorithmOid(fields));
  const { content } = fields.element(tags.explicit0);
  const signedAttributes = der(tags.set, content);
  const attributes = new Map<string, Buffer>();
  for (const [oid, value] of readDer(signedAttributes, what, tags.set).list(32, readAttribute)) {
    if (attributes.has(oid)) throw fields.malformed();
    attributes.set(oid, value);
  }
  const algorithm = algorithmOid(fields);
  const signature = fields.element(tags.octetString).content;
  fields.optional(tags.explicit1);
  fields.end();
  return { digest, signedAttributes, attributes, algorithm, signature };
}

function algorithmOid(fields: DerReader): string {
  return fields.enter().oid();
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
 * hash of the certificate in its signing-certificate attribute (RFC 5035), and the signature (RSA PKCS#1 v1.5 or ECDSA).
 * @throws KysoError document — no certificate, or the signing-certificate attribute is malformed
 */
export function isSignedDataBy(signed: SignedData, certificate: Uint8Array, content: Uint8Array): boolean {
  const { digest, algorithm, attributes } = signed;
  const key = importSpki(certificateFields(certificate).spki);
  const family = key.asymmetricKeyType === 'ec' ? 'EC' : 'RSA';
  const algo = signAlgos.find((row) => row.oid === algorithm && row.family === family && row.params === undefined);
  if (!digest || !algo || (algo.digest ?? digest) !== digest) return false;
  const expected = der(tags.octetString, createHash(digest).update(content).digest());
  const type = attributes.get(cmsOids.contentType);
  return (
    type !== undefined &&
    readOid(type) === signed.contentType &&
    attributes.get(cmsOids.messageDigest)?.equals(expected) === true &&
    namesCertificate(attributes, certificate) &&
    verify(digest, signed.signedAttributes, key, signed.signature)
  );
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
  const stated = second && first.follows(tags.sequence) ? digestByOid(algorithmOid(first)) : 'SHA-256';
  const hash = second ? stated : 'sha1';
  const named = first.element(tags.octetString).content;
  const found = hash && createHash(hash).update(certificate).digest();
  return found?.equals(named) === true;
}
