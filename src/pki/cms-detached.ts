import { KysoError } from '../base/errors.ts';
import { certificateFields } from './certificate-fields.ts';
import { cmsOids, isSignedDataBy, readSignedData, type SignedData } from './cms-reader.ts';
import { der, sequence, tags } from './der.ts';

/** A detached CMS signature by one signer with the attributes of CAdES-B-B. Nothing of it is believed yet. */
export type DetachedSignature = SignedData;

/**
 * Reads SignedData (RFC 5652) without content, with one SignerInfo that has the attributes of CAdES-B-B (EN 319 122-1
 * §6.3): content-type, message-digest and ESS signing-certificate-v2, each once; more may be there, as openssl adds them.
 * @throws KysoError document — anything else, also BER that is not DER
 */
export function readDetachedSignature(cms: Uint8Array): DetachedSignature {
  const signed = readSignedData(cms);
  const { contentType, content, digest, attributes } = signed;
  const needed = [cmsOids.contentType, cmsOids.messageDigest, cmsOids.signingCertificateV2];
  const whole = contentType === cmsOids.data && content === undefined && needed.every((oid) => attributes.has(oid));
  if (whole && digest) return signed;
  throw new KysoError('document', 'not a detached CMS signature of one signer with the attributes of CAdES-B-B');
}

/**
 * Whether `certificate` (DER) is the one that the signature names, twice, and its key made the signature over `content`.
 * When the certificate counts is for the caller.
 * @throws KysoError document — the certificate cannot be read, or its key is none of the algorithm table
 */
export function isDetachedBy(signed: DetachedSignature, certificate: Uint8Array, content: Uint8Array): boolean {
  return isNamed(signed.signer, certificate) && isSignedDataBy(signed, certificate, content);
}

function isNamed(signer: Buffer, certificate: Uint8Array): boolean {
  const { issuer, serialNumber, extensions } = certificateFields(certificate);
  if (signer.equals(sequence(issuer, der(tags.integer, serialNumber)))) return true;
  const identifier = extensions.find(({ oid }) => oid === '2.5.29.14')?.value;
  return identifier !== undefined && signer.equals(der(tags.context0, identifier.subarray(2)));
}
