import { createHash } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import type { DigestName } from '../crypto/algorithms.ts';
import { certificateFields } from './certificate-fields.ts';
import { assembleSignedData, type Chain, prepareSignedAttributes } from './cms.ts';
import { isSignedDataBy, readSignedData, type SignedData } from './cms-reader.ts';
import { tags } from './der.ts';
import { readDer, serialText } from './der-reader.ts';
import { readExtensions } from './extensions.ts';
import { keyPurposes, purposesOf } from './issued-by.ts';
import { readImprint } from './tsp.ts';

/** id-ct-TSTInfo: what a timestamp token signs. */
export const tstInfoType = '1.2.840.113549.1.9.16.1.4';

/**
 * The signed attributes (DER SET) of a token over `tst`, which the TSA's key signs with SHA-256. They name the
 * certificate by ESSCertIDv2 (RFC 5816).
 * @param certificate the TSA's, DER
 */
export function timestampAttributes(tst: Uint8Array, certificate: Uint8Array): Buffer {
  const documentDigest = createHash('sha256').update(tst).digest();
  return prepareSignedAttributes({ documentDigest, digest: 'SHA-256', certificate, contentType: tstInfoType });
}

/**
 * The TimeStampToken: ContentInfo with SignedData, DER.
 * @param input.attributes of `timestampAttributes`; `signature` over them is PKCS#1 v1.5 or DER ECDSA, with SHA-256
 * @param input.chain the TSA's certificate first, DER
 * @param input.certReq whether the client asked for the certificates
 */
export function assembleTimestampToken(input: {
  tst: Uint8Array;
  attributes: Uint8Array;
  signature: Uint8Array;
  chain: Chain;
  certReq: boolean;
}): Buffer {
  return assembleSignedData({
    signedAttributes: input.attributes,
    scheme: { digest: 'SHA-256' },
    signature: input.signature,
    chain: input.chain,
    content: { type: tstInfoType, bytes: input.tst },
    withoutCertificates: !input.certReq,
  });
}

/** What a timestamp token says. */
export type TimestampToken = {
  /** The TSTInfo, DER. */
  tst: Buffer;
  /** OID of the TSA's policy. */
  policy: string;
  /** The hash algorithm; undefined for one that we do not accept. */
  digest: DigestName | undefined;
  imprint: Buffer;
  /** Upper-case hex. */
  serialNumber: string;
  genTime: Date;
  /** Content of the INTEGER that the client sent. */
  nonce: Buffer | undefined;
  signed: SignedData;
  /** The certificate that signed it, if it is carried along and its signature holds. */
  certificate: Buffer | undefined;
};

const what = 'an RFC 3161 timestamp token';

/**
 * Reads a TimeStampToken and finds out who of the certificates in it signed it: with a critical sole timeStamping
 * purpose (RFC 3161 §2.3), and named by ESSCertID. That it is trusted, valid and about the right data is for the caller
 * to see.
 * @throws KysoError document — malformed
 */
export function readTimestampToken(token: Uint8Array): TimestampToken {
  const signed = readSignedData(token);
  const { content: tst } = signed;
  if (signed.contentType !== tstInfoType || !tst) throw new KysoError('document', `not ${what}`);
  const facts = readTst(tst);
  const certificate = signed.certificates.find((candidate) => isStampedBy(signed, candidate, tst));
  return { tst, ...facts, signed, certificate };
}

/** Whether this certificate (DER) may stamp and signed the token around `tst`, such as one that carries none along. */
export function isStampedBy(signed: SignedData, certificate: Uint8Array, tst: Uint8Array): boolean {
  const fields = certificateFields(certificate);
  const critical = fields.extensions.some(({ oid, critical }) => oid === '2.5.29.37' && critical);
  const [purpose, ...others] = purposesOf(fields);
  if (!critical || purpose !== keyPurposes.timeStamping || others.length > 0) return false;
  return isSignedDataBy(signed, certificate, tst);
}

function readTst(tst: Buffer): Omit<TimestampToken, 'tst' | 'signed' | 'certificate'> {
  const fields = readDer(tst, what);
  if (fields.small() !== 1) throw fields.malformed();
  const policy = fields.oid();
  const { digest, imprint } = readImprint(fields);
  const serialNumber = serialText(fields.integer(64));
  const genTime = fields.generalizedTime();
  fields.optional(tags.sequence); // accuracy
  if (fields.follows(tags.boolean)) fields.boolean(); // ordering
  const nonce = fields.follows(tags.integer) ? fields.integer(128) : undefined;
  fields.optional(tags.explicit0); // tsa: its certificate says who it is
  const extensions = fields.enterOptional(tags.explicit1);
  if (extensions) readExtensions(extensions, []);
  fields.end();
  return { policy, digest, imprint, serialNumber, genTime, nonce };
}

/**
 * The token in a TimeStampResp, DER.
 * @throws KysoError document — malformed
 * @throws KysoError unavailable — the TSA rejected the request
 */
export function readTimestampResponse(response: Uint8Array): Buffer {
  const fields = readDer(response, 'an RFC 3161 timestamp response');
  const status = fields.enter().small();
  const token = fields.optional(tags.sequence);
  fields.end();
  if (status > 1 || !token) throw new KysoError('unavailable', `the time-stamping authority refused: status ${status}`);
  return token.raw;
}
