import { ParseSpeeds, PDFArray, PDFDict, PDFDocument, PDFName } from '@cantoo/pdf-lib';
import { readSignatureTimestamp } from '../pki/cms-timestamp.ts';
import { readTimestampToken } from '../pki/tsp-token.ts';
import type { PdfSignature } from './last-signature.ts';
import type { SignatureLevel } from './level.ts';
import { newestSignature } from './signatures.ts';

/** What a signature carries, and how many certificates, OCSP responses and CRLs the document's store has. */
export type SignatureFacts = PdfSignature & {
  level: SignatureLevel;
  /** Over `value`, the signature value. */
  timestamp: { token: Buffer; value: Buffer; time: Date } | undefined;
  store: { certificates: number; ocsps: number; crls: number };
};

/**
 * The newest signature of a PDF and what stands beside it. It says what is there, not that it is valid.
 * @throws KysoError document — as `newestSignature`, or a timestamp that cannot be read
 */
export async function signatureFacts(pdf: Buffer): Promise<SignatureFacts> {
  const signature = await newestSignature(pdf);
  const { token, signature: value } = readSignatureTimestamp(signature.cms);
  const timestamp = token && { token, value, time: readTimestampToken(token).genTime };
  const document = await PDFDocument.load(pdf, { updateMetadata: false, parseSpeed: ParseSpeeds.Fastest });
  const dss = document.catalog.lookupMaybe(PDFName.of('DSS'), PDFDict);
  const count = (name: string) => dss?.lookupMaybe(PDFName.of(name), PDFArray)?.size() ?? 0;
  const store = { certificates: count('Certs'), ocsps: count('OCSPs'), crls: count('CRLs') };
  const kept = store.certificates > 0 && store.ocsps + store.crls > 0;
  return { ...signature, timestamp, store, level: timestamp ? (kept ? 'B-LT' : 'B-T') : 'B-B' };
}
