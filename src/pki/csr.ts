import { KysoError } from '../base/errors.ts';
import { der, integer, sequence, tags } from './der.ts';
import { readDer } from './der-reader.ts';
import { distinguishedName } from './distinguished-name.ts';
import { importSpki, keyTypeOf } from './public-key.ts';
import { isSignedBy, joinSigned, readSigned, signatureAlgorithm } from './signed.ts';

/** A PKCS#10 request (RFC 2986) whose proof of possession holds. Its attributes are not read: S76. */
export type CertificateRequest = {
  /** The requested Name, DER, and as an RFC 4514 string. No certificate takes its subject from here (S76). */
  subject: Buffer;
  subjectDN: string;
  /** SubjectPublicKeyInfo, DER. */
  spki: Buffer;
  /** In the names of the algorithm table, such as `RSA-2048` or `EC-P256`. */
  keyType: string;
};

/** How long a request may be, in bytes. */
const longest = 16_384;
const what = 'a PKCS#10 certificate request';

/**
 * The CertificationRequestInfo (DER) that the key's owner signs, with SHA-256: no attributes.
 * @param subject Name, DER @param spki SubjectPublicKeyInfo, DER
 */
export function requestInfo(subject: Uint8Array, spki: Uint8Array): Buffer {
  return sequence(integer(0), subject, spki, der(tags.explicit0));
}

/** The request, DER; `signature` over `info` is RSA PKCS#1 v1.5 octets or a DER ECDSA-Sig-Value, with SHA-256. */
export function assembleRequest(info: Uint8Array, signature: Uint8Array): Buffer {
  return joinSigned({ tbs: info, algorithm: signatureAlgorithm(infoFields(info).spki), signature });
}

/**
 * Reads a PKCS#10 request and verifies that its sender has the key.
 * @throws KysoError document — not such a request, or not signed by its own key
 */
export function readRequest(request: Uint8Array): CertificateRequest {
  if (request.length > longest) throw new KysoError('document', `not ${what}: it is too long`);
  const reader = readDer(request, what);
  const signed = readSigned(reader);
  reader.end();
  const { subject, spki } = infoFields(signed.tbs);
  if (!isSignedBy(signed, spki)) {
    throw new KysoError('document', 'the certificate request is not signed by the key that it holds');
  }
  return { subject, subjectDN: distinguishedName(subject), spki, keyType: keyTypeOf(importSpki(spki)) };
}

function infoFields(info: Uint8Array): { subject: Buffer; spki: Buffer } {
  const fields = readDer(info, what);
  if (fields.small() !== 0) throw fields.malformed();
  const [subject, spki] = [fields.element(tags.sequence).raw, fields.element(tags.sequence).raw];
  fields.element(tags.explicit0);
  fields.end();
  return { subject, spki };
}
