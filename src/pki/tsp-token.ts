import { createHash } from 'node:crypto';
import { assembleSignedData, type Chain, prepareSignedAttributes } from './cms.ts';

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
