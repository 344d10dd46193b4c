import { createHash } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import { certificateFields } from './certificate-fields.ts';
import { type CrlReason, crlReasons } from './crl-reasons.ts';
import { der, derOid, generalizedTime, octetString, sequence, tags } from './der.ts';
import { DerReader, readDer } from './der-reader.ts';
import { type Extension, extension, readExtensions } from './extensions.ts';
import { type CertId, readCertId } from './ocsp-certid.ts';
import { keyBits } from './public-key.ts';
import { joinSigned, signatureAlgorithm } from './signed.ts';

export { type CertId, certIdMatches } from './ocsp-certid.ts';

export const ocspOids = { basic: '1.3.6.1.5.5.7.48.1.1', nonce: '1.3.6.1.5.5.7.48.1.2' } as const;

export type OcspRequest = {
  /** At least one, at most `most`. */
  certIds: CertId[];
  /** 1 to 128 octets (RFC 9654 §2.1). */
  nonce?: Buffer;
};

const longest = 16_384;
const most = 32;
const what = 'an OCSP request';

/**
 * Reads an OCSPRequest (RFC 6960 §4.1.1). Who asks, and a signature over the question, are not looked at: anybody may
 * ask. A critical extension is refused, as we know none that changes the answer.
 * @throws KysoError document — malformed, too long, or with a nonce of a forbidden length: answer `malformedRequest`
 */
export function readOcspRequest(request: Uint8Array): OcspRequest {
  if (request.length > longest) throw new KysoError('document', `not ${what}: it is too long`);
  const outer = readDer(request, what);
  const fields = outer.enter();
  outer.optional(tags.explicit0);
  outer.end();
  const version = fields.enterOptional(tags.explicit0);
  if (version && version.small() !== 0) throw version.malformed();
  version?.end();
  fields.optional(tags.explicit1);
  const certIds = fields.enter().list(most, readSingle);
  const extensions = readWrapped(fields.enterOptional(tags.explicit2), [ocspOids.nonce]);
  fields.end();
  const nonce = extensions.find(({ oid }) => oid === ocspOids.nonce);
  return { certIds, ...(nonce && { nonce: nonceOf(nonce, what) }) };
}

function readSingle(requests: DerReader): CertId {
  const fields = requests.enter();
  const certId = readCertId(fields);
  readWrapped(fields.enterOptional(tags.explicit0), []);
  fields.end();
  return certId;
}

/** Extensions under an explicit tag. */
export function readWrapped(wrapped: DerReader | undefined, known: readonly string[]): Extension[] {
  if (!wrapped) return [];
  const extensions = readExtensions(wrapped.enter(), known);
  wrapped.end();
  return extensions;
}

/** The nonce inside its extension: an OCTET STRING of 1 to 128 octets (RFC 9654 §2.1). */
export function nonceOf({ value }: Extension, whole: string): Buffer {
  const reader = new DerReader(value, whole);
  const { content } = reader.element(tags.octetString);
  reader.end();
  if (content.length === 0 || content.length > 128) throw reader.malformed();
  return content;
}

export type OcspStatus =
  | { status: 'good' | 'unknown' }
  /** A certificate on hold is revoked with the reason `certificateHold`. */
  | { status: 'revoked'; revokedAt: Date; reason: CrlReason };

export type OcspAnswer = OcspStatus & {
  /** The CertID as it stood in the question, DER. */
  certId: Uint8Array;
  thisUpdate: Date;
  nextUpdate: Date;
};

/**
 * The ResponseData of a BasicOCSPResponse, DER, that names its responder by key; sign it by RSA PKCS#1 v1.5 or ECDSA
 * (DER) with SHA-256. Times in whole seconds.
 * @param input.responderCertificate DER
 * @param input.nonce that of the request; absent when it had none, as in answers that are made beforehand
 */
export function ocspTbs(input: {
  responderCertificate: Uint8Array;
  producedAt: Date;
  answers: readonly OcspAnswer[];
  nonce?: Uint8Array | undefined;
}): Buffer {
  const { producedAt, answers, nonce } = input;
  const keyHash = createHash('sha1')
    .update(keyBits(certificateFields(input.responderCertificate).spki))
    .digest();
  return sequence(
    der(tags.explicit2, octetString(keyHash)),
    generalizedTime(producedAt),
    sequence(...answers.map(encodeAnswer)),
    ...(nonce ? [der(tags.explicit1, sequence(extension(ocspOids.nonce, false, octetString(nonce))))] : []),
  );
}

function encodeAnswer(answer: OcspAnswer): Buffer {
  const next = der(tags.explicit0, generalizedTime(answer.nextUpdate));
  return sequence(answer.certId, encodeStatus(answer), generalizedTime(answer.thisUpdate), next);
}

function encodeStatus(answer: OcspStatus): Buffer {
  if (answer.status !== 'revoked') return der(answer.status === 'good' ? tags.context0 : tags.context2);
  const reason = der(tags.explicit0, der(tags.enumerated, Buffer.of(crlReasons[answer.reason])));
  return der(tags.explicit1, generalizedTime(answer.revokedAt), ...(answer.reason === 'unspecified' ? [] : [reason]));
}

/**
 * The OCSPResponse `successful`, DER.
 * @param certificates DER, the responder's first; carried along, so that clients can verify the signature
 */
export function assembleOcsp(
  tbs: Uint8Array,
  signature: Uint8Array,
  certificates: readonly [Uint8Array, ...Uint8Array[]],
): Buffer {
  const algorithm = signatureAlgorithm(certificateFields(certificates[0]).spki);
  const carried = der(tags.explicit0, sequence(...certificates));
  const basic = joinSigned({ tbs, algorithm, signature }, carried);
  const bytes = sequence(derOid(ocspOids.basic), octetString(basic));
  return sequence(der(tags.enumerated, Buffer.of(0)), der(tags.explicit0, bytes));
}

/** OCSPResponseStatus without an answer (RFC 6960 §4.2.1). */
const statuses = { malformedRequest: 1, internalError: 2, tryLater: 3, unauthorized: 6 } as const;
export type OcspError = keyof typeof statuses;

/** An OCSPResponse that says why there is no answer, DER. It is not signed. */
export function ocspError(error: OcspError): Buffer {
  return sequence(der(tags.enumerated, Buffer.of(statuses[error])));
}

/** The name of a status without an answer. */
export function ocspErrorOf(status: number): OcspError | undefined {
  return (Object.keys(statuses) as OcspError[]).find((name) => statuses[name] === status);
}
