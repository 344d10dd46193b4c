import { createHash, X509Certificate } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import { digests, type SignScheme } from '../crypto/algorithms.ts';
import { verifiesMessage } from '../crypto/verify-message.ts';
import { assembleSignedData, type Chain, prepareSignedAttributes, signerKey } from '../pki/cms.ts';
import { digestByteRange, fillContents, type OpenContents, patchByteRange } from './byte-range.ts';
import type { SignatureLevel } from './level.ts';
import { appendRevision } from './pdf-document.ts';
import type { SignatureDetails, SignatureLook } from './signature-details.ts';
import { addSignatureField } from './signature-field.ts';

/** How to sign: the certificates to embed, the algorithm of the signature, its level (B-LT) and what is seen of it. */
export type PdfSignatureOptions = {
  chain: Chain;
  scheme: SignScheme;
  level?: SignatureLevel | undefined;
} & SignatureDetails &
  SignatureLook;

/** What lies between preparing a PDF and embedding its signature: plain data, holds no secret. */
export type SigningContext = {
  contents: OpenContents;
  signedAttributes: Buffer;
  scheme: SignScheme;
  chain: Chain;
  level: SignatureLevel;
};

/** `toSign` is the digest that the key has to sign, with the algorithm named in the options. */
export type PreparedPdf = { toSign: Buffer; context: SigningContext };

/** In bytes; longer than any signature value of the algorithm table. */
const LONGEST_SIGNATURE = 512;

/** Bytes that are kept for a timestamp with the certificates of its authority. */
const TIMESTAMP_ROOM = 16_384;

/**
 * Appends a PAdES signature, still empty, to a PDF as an incremental update: what was in the file stays
 * byte for byte, earlier signatures stay valid.
 * @throws KysoError document — a PDF or certificate that cannot be used; the message says why and what to do
 */
export async function preparePdf(pdf: Uint8Array, options: PdfSignatureOptions): Promise<PreparedPdf> {
  const { chain, scheme, level = 'B-LT' } = options;
  const { digest } = scheme;
  const attributesOver = (documentDigest: Buffer) =>
    prepareSignedAttributes({ documentDigest, digest, certificate: chain[0] });

  // The CMS as it is going to be, but for the bytes of the digest and a signature value that is longer.
  const model = assembleSignedData({
    signedAttributes: attributesOver(Buffer.alloc(digests[digest].length)),
    scheme,
    signature: Buffer.alloc(LONGEST_SIGNATURE),
    chain,
  });
  const details = { ...options, holder: commonName(chain[0]) };
  const room = model.length + (level === 'B-B' ? 0 : TIMESTAMP_ROOM);
  const revision = await appendRevision(pdf, (document) => addSignatureField(document, room, details, options));
  const contents = patchByteRange(revision, pdf.length);
  const signedAttributes = attributesOver(digestByteRange(contents, digest));
  const context = { contents, signedAttributes, scheme, chain, level };
  return { toSign: digestToSign(context), context };
}

/**
 * Completes a prepared PDF of level B-B with the signature over `toSign`: RSA octets, or ECDSA as DER. With a timestamp
 * over the signature value, verified, it becomes B-T; `finishPdfs` does that and all of the higher levels.
 * @throws KysoError integrity — the signature is not one that the certificate's key made over `toSign`
 * @throws KysoError requestInvalid — prepared for a timestamp, and there is none
 */
export function embedSignature(context: SigningContext, signature: Uint8Array, timestampToken?: Uint8Array): Buffer {
  checkSignature(context, signature);
  const { contents, signedAttributes, scheme, chain, level } = context;
  if (level !== 'B-B' && !timestampToken)
    throw new KysoError('requestInvalid', `Prepared for level ${level}, which needs a timestamp: use finishPdfs.`);
  const token = timestampToken && { timestampToken };
  return fillContents(contents, assembleSignedData({ signedAttributes, scheme, signature, chain, ...token }));
}

/**
 * Verifies the signature first, so a file that leaves here is one that a verifier accepts.
 * @throws KysoError integrity
 */
export function checkSignature({ signedAttributes, scheme, chain }: SigningContext, signature: Uint8Array): void {
  const { keyType, spki } = signerKey(chain[0]);
  if (verifiesMessage(keyType, spki, scheme, signedAttributes, signature)) return;
  throw new KysoError('integrity', 'The signature does not verify with the certificate: the document was not signed.');
}

/** What gets signed is the digest of the attributes, which hold the document's (RFC 5652 §5.4). */
function digestToSign({ scheme, signedAttributes }: SigningContext): Buffer {
  return createHash(scheme.digest).update(signedAttributes).digest();
}

function commonName(certificate: Uint8Array): string | undefined {
  const { CN } = new X509Certificate(certificate).toLegacyObject().subject;
  return Array.isArray(CN) ? CN.at(-1) : CN;
}
