import * as asn1 from 'asn1js';
import { KysoError } from '../base/errors.ts';

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
  /** In their order; `value` is what the OCTET STRING holds. */
  extensions: { oid: string; critical: boolean; value: Buffer }[];
  /** Contents of the BIT STRING. */
  signature: Buffer;
};

/**
 * Cuts a v3 certificate with extensions into its fields (RFC 5280 §4.1), without interpreting them: that is for lint
 * and for the readers of single fields.
 * @throws KysoError document — not such a certificate, or bytes behind it
 */
export function certificateFields(der: Uint8Array): CertificateFields {
  const { result, offset } = asn1.fromBER(der);
  const [tbs, outerAlgorithm, signature] = offset === der.length ? parts(result, asn1.Sequence, 3) : [];
  const [version, serial, innerAlgorithm, issuer, validity, subject, spki, wrapped] = parts(tbs, asn1.Sequence, 8);
  const bits = signature instanceof asn1.BitString ? signature.valueBlock.valueHexView : undefined;
  if (!bits || !(serial instanceof asn1.Integer) || !raw(version).equals(version3)) throw malformed();
  const [list] = parts(wrapped, asn1.Constructed, 1);
  return {
    tbs: raw(tbs),
    serialNumber: Buffer.from(serial.valueBlock.valueHexView),
    innerAlgorithm: raw(innerAlgorithm),
    outerAlgorithm: raw(outerAlgorithm),
    issuer: raw(issuer),
    validity: raw(validity),
    subject: raw(subject),
    spki: raw(spki),
    extensions: parts(list, asn1.Sequence).map(extensionFields),
    signature: Buffer.from(bits),
  };
}

/** The AlgorithmIdentifier inside a TBSCertificate, DER. */
export function tbsAlgorithm(tbs: Uint8Array): Buffer {
  return raw(parts(asn1.fromBER(tbs).result, asn1.Sequence, 8)[2]);
}

/** [0] EXPLICIT INTEGER 2. */
const version3 = Buffer.from('a003020102', 'hex');

function extensionFields(extension: asn1.BaseBlock): CertificateFields['extensions'][number] {
  const fields = parts(extension, asn1.Sequence);
  const [oid, critical, value] = fields.length === 2 ? [fields[0], undefined, fields[1]] : fields;
  const flag = critical === undefined || critical instanceof asn1.Boolean;
  if (!(oid instanceof asn1.ObjectIdentifier) || !flag || !(value instanceof asn1.OctetString)) throw malformed();
  return {
    oid: oid.getValue(),
    critical: critical?.valueBlock.value ?? false,
    value: Buffer.from(value.valueBlock.valueHexView),
  };
}

function parts(block: asn1.BaseBlock | undefined, type: typeof asn1.Constructed, count?: number): asn1.BaseBlock[] {
  const children = block instanceof type ? block.valueBlock.value : [];
  if (children.length === 0 || (count !== undefined && children.length !== count)) throw malformed();
  return children;
}

function raw(block: asn1.BaseBlock | undefined): Buffer {
  if (!block) throw malformed();
  return Buffer.from(block.valueBeforeDecodeView);
}

function malformed(): KysoError {
  return new KysoError('document', 'not an X.509 v3 certificate');
}
