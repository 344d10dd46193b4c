import { createHash } from 'node:crypto';
import { certificateFields } from './certificate-fields.ts';
import { crlReasonOf } from './crl-reasons.ts';
import { der, octetString, sequence, tags } from './der.ts';
import { type DerReader, readDer } from './der-reader.ts';
import { extension } from './extensions.ts';
import { isIssuedBy, isValidAt, keyPurposes, purposesOf } from './issued-by.ts';
import { nonceOf, type OcspError, type OcspStatus, ocspErrorOf, ocspOids, readWrapped } from './ocsp.ts';
import { type CertId, encodeCertId, readCertId } from './ocsp-certid.ts';
import { keyBits } from './public-key.ts';
import { isSignedBy, readSigned, type Signed } from './signed.ts';

/** What a responder says of one certificate. */
export type OcspReply = OcspStatus & { certId: CertId; thisUpdate: Date; nextUpdate: Date | undefined };

export type OcspResponse = Signed & {
  /** Of the responder: the SHA-1 of its key bits, or its Name (DER). */
  responder: { keyHash: Buffer } | { name: Buffer };
  producedAt: Date;
  replies: OcspReply[];
  nonce: Buffer | undefined;
  /** Carried along, DER. */
  certificates: Buffer[];
};

const what = 'an OCSP response';

/**
 * An OCSPRequest (DER) for one certificate of this issuer (both DER). Its CertID is made with SHA-1, which every
 * responder knows. @param nonce 1 to 128 octets; without one the answer may come from a cache
 */
export function encodeOcspRequest(certificate: Uint8Array, issuer: Uint8Array, nonce?: Uint8Array): Buffer {
  const certId = encodeCertId(certificateFields(certificate).serialNumber, issuer);
  const list = sequence(sequence(certId));
  if (!nonce) return sequence(sequence(list));
  const extensions = sequence(extension(ocspOids.nonce, false, octetString(nonce)));
  return sequence(sequence(list, der(tags.explicit2, extensions)));
}

/**
 * Reads an OCSPResponse: what it says, or the error that it is. Nothing is verified: `isAuthorisedOcsp` does that, and
 * whether it is fresh, about the right certificate and with the right nonce is for the caller to see.
 * @throws KysoError document — malformed, or an error of a kind that RFC 6960 does not know
 */
export function readOcspResponse(response: Uint8Array): OcspResponse | { error: OcspError } {
  const outer = readDer(response, what);
  const status = outer.small(tags.enumerated);
  if (status !== 0) {
    const error = ocspErrorOf(status);
    outer.end();
    if (!error) throw outer.malformed();
    return { error };
  }
  const wrapped = outer.enter(tags.explicit0);
  outer.end();
  const bytes = wrapped.enter();
  wrapped.end();
  if (bytes.oid() !== ocspOids.basic) throw bytes.malformed();
  const basic = readDer(bytes.element(tags.octetString).content, what);
  bytes.end();
  const signed = readSigned(basic);
  const carried = basic.enterOptional(tags.explicit0);
  basic.end();
  const certificates = carried?.enter().list(8, (list) => list.element(tags.sequence).raw) ?? [];
  carried?.end();
  return { ...signed, ...readData(readDer(signed.tbs, what)), certificates };
}

function readData(data: DerReader): Omit<OcspResponse, keyof Signed | 'certificates'> {
  const version = data.enterOptional(tags.explicit0);
  if (version && version.small() !== 0) throw version.malformed();
  const responder = readResponder(data);
  const producedAt = data.generalizedTime();
  const replies = data.enter().list(64, (list) => readReply(list.enter()));
  const extensions = readWrapped(data.enterOptional(tags.explicit1), [ocspOids.nonce]);
  data.end();
  const nonce = extensions.find(({ oid }) => oid === ocspOids.nonce);
  return { responder, producedAt, replies, nonce: nonce && nonceOf(nonce, what) };
}

function readResponder(data: DerReader): OcspResponse['responder'] {
  const named = data.follows(tags.explicit1);
  const inside = data.enter(named ? tags.explicit1 : tags.explicit2);
  const responder = named
    ? { name: inside.element(tags.sequence).raw }
    : { keyHash: inside.element(tags.octetString).content };
  inside.end();
  return responder;
}

function readReply(fields: DerReader): OcspReply {
  const certId = readCertId(fields);
  const status = readStatus(fields);
  const thisUpdate = fields.generalizedTime();
  const wrapped = fields.enterOptional(tags.explicit0);
  const nextUpdate = wrapped?.generalizedTime();
  wrapped?.end();
  readWrapped(fields.enterOptional(tags.explicit1), []);
  fields.end();
  return { ...status, certId, thisUpdate, nextUpdate };
}

function readStatus(fields: DerReader): OcspStatus {
  for (const [tag, status] of [[tags.context0, 'good'] as const, [tags.context2, 'unknown'] as const]) {
    const found = fields.optional(tag);
    if (found?.content.length) throw fields.malformed();
    if (found) return { status };
  }
  const info = fields.enter(tags.explicit1);
  const revokedAt = info.generalizedTime();
  const wrapped = info.enterOptional(tags.explicit0);
  const reason = wrapped ? crlReasonOf(wrapped.small(tags.enumerated)) : 'unspecified';
  wrapped?.end();
  info.end();
  if (reason === undefined) throw fields.malformed();
  return { status: 'revoked', revokedAt, reason };
}

/**
 * Whether who signed the response may speak for this issuer (its certificate, DER): the issuer itself, or a responder
 * whose certificate comes along, is signed by the issuer for this purpose and is valid at `at` (RFC 6960 §4.2.2.2).
 * @throws KysoError document — a certificate in it cannot be read
 */
export function isAuthorisedOcsp(response: OcspResponse, issuer: Uint8Array, at: Date): boolean {
  const candidates = [issuer, ...response.certificates.filter((certificate) => isDelegate(certificate, issuer, at))];
  return candidates.some((candidate) => {
    const { subject, spki } = certificateFields(candidate);
    const { responder } = response;
    const named =
      'name' in responder
        ? responder.name.equals(subject)
        : responder.keyHash.equals(createHash('sha1').update(keyBits(spki)).digest());
    return named && isSignedBy(response, spki);
  });
}

function isDelegate(certificate: Uint8Array, issuer: Uint8Array, at: Date): boolean {
  const fields = certificateFields(certificate);
  return (
    purposesOf(fields).includes(keyPurposes.ocspSigning) && isValidAt(fields, at) && isIssuedBy(certificate, issuer)
  );
}
