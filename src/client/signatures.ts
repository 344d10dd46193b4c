import { KysoError } from '../base/errors.ts';
import { byteRange, lastSignature, type PdfSignature } from './last-signature.ts';
import { isValidationDataOf } from './later-revision.ts';

/**
 * The newest signature, also where validation data was added after it (B-LT).
 * @throws KysoError document — the PDF has no signature, or something else was added or cut off after the newest one
 */
export async function newestSignature(pdf: Buffer): Promise<PdfSignature> {
  const [, , , next = 0, rest = 0] = [...pdf.toString('latin1').matchAll(byteRange)].at(-1)?.map(Number) ?? [];
  const signed = pdf.subarray(0, next + rest);
  const signature = lastSignature(signed.length > 0 ? signed : pdf);
  if (signed.length === pdf.length || (await isValidationDataOf(signed, signature, pdf))) return signature;
  throw new KysoError('document', 'The PDF was changed after the newest signature.');
}
