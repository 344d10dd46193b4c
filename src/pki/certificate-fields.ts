import { tags } from './der.ts';
import { type DerReader, readDer } from './der-reader.ts';
import { type Extension, readExtensions } from './extensions.ts';
import { readSigned } from './signed.ts';

/** A certificate cut into its fields, each with exactly the bytes that stand in it (tag and length included). */
export type CertificateFields = {
  tbs: Buffer;
  /** Contents of the INTEGER only. */
  serialNumber: Buffer;
  /** AlgorithmIdentifier inside the TBS; `outerAlgorithm` is the one beside the signature. */
  innerAlgorithm: Buffer;
  outerAlgorithm: Buffer;
  issuer: Buffer;
  validity: Buffer;
  subject: Buffer;
  spki: Buffer;
  /** In their order. */
  extensions: Extension[];
  /** Contents of the BIT STRING. */
  signature: Buffer;
};

const what = 'an X.509 v3 certificate';
const longestSerial = 64;

/**
 * Cuts a v3 certificate with extensions into its fields (RFC 5280 §4.1), without interpreting them: that is for lint
 * and for the readers of single fields.
 * @throws KysoError document — not such a certificate, an extension twice, or bytes behind it
 */
export function certificateFields(der: Uint8Array): CertificateFields {
  const reader = readDer(der, what);
  const { tbs, algorithm: outerAlgorithm, signature } = readSigned(reader);
  reader.end();

  const fields = readDer(tbs, what);
  const [serialNumber, innerAlgorithm] = readStart(fields);
  const [issuer, validity, subject, spki] = [next(fields), next(fields), next(fields), next(fields)];
  const wrapped = fields.enter(tags.explicit3);
  fields.end();
  const extensions = readExtensions(wrapped.enter(), 'any');
  wrapped.end();
  return { tbs, serialNumber, innerAlgorithm, outerAlgorithm, issuer, validity, subject, spki, extensions, signature };
}

/** Both ends of the validity; they count as part of it. */
export function readValidity({ validity }: Pick<CertificateFields, 'validity'>): { notBefore: Date; notAfter: Date } {
  const times = readDer(validity, what);
  const [notBefore, notAfter] = [times.time(), times.time()];
  times.end();
  return { notBefore, notAfter };
}

/** The AlgorithmIdentifier inside a TBSCertificate, DER. */
export function tbsAlgorithm(tbs: Uint8Array): Buffer {
  return readStart(readDer(tbs, what))[1];
}

/** `[0] EXPLICIT INTEGER 2`, the serial number and the algorithm. */
function readStart(fields: DerReader): [Buffer, Buffer] {
  const version = fields.enter(tags.explicit0);
  if (version.small() !== 2) throw version.malformed();
  version.end();
  return [fields.integer(longestSerial), next(fields)];
}

function next(fields: DerReader): Buffer {
  return fields.element(tags.sequence).raw;
}
