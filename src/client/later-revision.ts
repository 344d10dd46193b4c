import {
  decodePDFRawStream,
  ParseSpeeds,
  PDFArray,
  PDFDict,
  PDFDocument,
  PDFName,
  PDFRawStream,
} from '@cantoo/pdf-lib';
import { addValidationData, type ValidationData, vriKey } from './dss.ts';
import type { PdfSignature } from './last-signature.ts';

/**
 * Whether what `pdf` has behind its newest signature is that signature's validation data as this kit appends it, byte for
 * byte. Nothing less will do: a reader goes by the cross-reference, which could name other objects, none, or some that
 * are hidden in streams.
 * @param signed the beginning of `pdf` that the signature covers
 */
export async function isValidationDataOf(signed: Buffer, { contents }: PdfSignature, pdf: Buffer): Promise<boolean> {
  try {
    const data = await validationDataOf(pdf, vriKey(contents));
    return data !== undefined && (await addValidationData(signed, data)).equals(pdf);
  } catch {
    // It cannot be read, or nothing can be appended to `signed`.
    return false;
  }
}

/** What the store says of a signature, in its order. It is not to be relied on: whoever appended it may have written anything. */
async function validationDataOf(pdf: Buffer, key: string): Promise<ValidationData | undefined> {
  const { catalog } = await PDFDocument.load(pdf, { updateMetadata: false, parseSpeed: ParseSpeeds.Fastest });
  const path = ['DSS', 'VRI', key];
  const entry = path.reduce<PDFDict | undefined>((at, name) => at?.lookupMaybe(PDFName.of(name), PDFDict), catalog);
  const list = (name: string) => {
    const refs = entry?.lookupMaybe(PDFName.of(name), PDFArray);
    return Array.from({ length: refs?.size() ?? 0 }, (_, index) =>
      decodePDFRawStream(refs!.lookup(index, PDFRawStream)).decode(),
    );
  };
  return entry && { certificates: list('Cert'), ocsps: list('OCSP'), crls: list('CRL') };
}
