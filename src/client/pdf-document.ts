import {
  EncryptedPDFError,
  ParseSpeeds,
  PDFAcroSignature,
  PDFArray,
  PDFDict,
  PDFDocument,
  PDFName,
  PDFNumber,
} from '@cantoo/pdf-lib';
import { KysoError } from '../base/errors.ts';
import { skipReferences } from './references.ts';

const sentences = {
  notPdf: 'This is not a PDF: it has no %PDF header. Choose a PDF file.',
  damaged:
    'The PDF is damaged: its cross-reference or its pages cannot be read. Open it in a PDF program, save it as a new PDF, and sign that one.',
  encrypted: 'The PDF is encrypted. Save a copy without password or restrictions, and sign that one.',
  closed:
    'The PDF is certified, or locked by an earlier signature, against any change. Ask its author for a copy that allows signing.',
};

/**
 * Appends one revision to a PDF, made of what `change` does to the document, as an incremental update that carries on
 * the file's kind of cross-reference (ISO 32000-2 §7.5.6): the answer begins with the bytes of `pdf`.
 * Validation data may also come to a document that permits no other change: it adds nothing to what is shown.
 * @throws KysoError document — no PDF, damaged, encrypted, or closed to further signatures; the message says what to do
 */
export async function appendRevision(
  pdf: Uint8Array,
  change: (document: PDFDocument) => void | Promise<void>,
  what: 'signature' | 'validation data' = 'signature',
): Promise<Buffer> {
  const bytes = Buffer.from(pdf.buffer, pdf.byteOffset, pdf.byteLength);
  if (!bytes.subarray(0, 1024).includes('%PDF-')) throw new KysoError('document', sentences.notPdf);
  try {
    const document = await PDFDocument.load(pdf, {
      forIncrementalUpdate: true,
      updateMetadata: false,
      parseSpeed: ParseSpeeds.Fastest,
    });
    const useObjectStreams = endsWithXrefStream(bytes, document.context.pdfFileDetails.prevStartXRef);
    skipReferences(document.context, bytes);
    if (what === 'signature' && isClosed(document)) throw new KysoError('document', sentences.closed);
    await change(document);
    return Buffer.from((await document.commit({ useObjectStreams })).buffer);
  } catch (cause) {
    if (cause instanceof KysoError) throw cause;
    const encrypted = cause instanceof EncryptedPDFError;
    throw new KysoError('document', encrypted ? sentences.encrypted : sentences.damaged, { cause });
  }
}

/**
 * The library scans the file from front to back and never follows `startxref`. The new revision's /Prev does, and so
 * does every reader, so a file that a reader would first have to repair, or read otherwise, is refused here.
 */
function endsWithXrefStream(bytes: Buffer, startXref: number): boolean {
  const tail = bytes.toString('latin1', bytes.lastIndexOf('startxref'));
  if (/\d\s+\d+\s+obj\b/.test(tail)) throw new Error('objects behind the last cross-reference');
  const section = bytes.toString('latin1', startXref, startXref + 64);
  if (/^\s*xref\s/.test(section)) return false;
  if (/^\s*\d+\s+\d+\s+obj\b/.test(section)) return true;
  throw new Error('startxref does not point to a cross-reference');
}

/** Whether the author's certification or a signature's lock permits no changes at all: DocMDP with P 1 (ISO 32000-2 §12.8.2.2). */
function isClosed({ catalog }: PDFDocument): boolean {
  const fields = catalog.getAcroForm()?.getAllFields() ?? [];
  const signed = fields
    .filter(([field]) => field instanceof PDFAcroSignature && field.dict.has(PDFName.of('V')))
    .map(([field]) => field.dict);
  const certification = child(child(catalog, 'Perms'), 'DocMDP');
  const signatures = [certification, ...signed.map((field) => child(field, 'V'))];
  return (
    signatures.some((signature) => transforms(signature).some(permitsNothing)) ||
    signed.some((field) => permitsNothing(child(field, 'Lock')))
  );
}

/** The DocMDP transform parameters in a signature's /Reference. */
function transforms(signature: PDFDict | undefined): (PDFDict | undefined)[] {
  const references = signature?.lookup(PDFName.of('Reference'));
  if (!(references instanceof PDFArray)) return [];
  return references
    .asArray()
    .map((_, index) => references.lookup(index, PDFDict))
    .filter((reference) => reference.lookup(PDFName.of('TransformMethod')) === PDFName.of('DocMDP'))
    .map((reference) => child(reference, 'TransformParams'));
}

const permitsNothing = (permissions: PDFDict | undefined): boolean =>
  permissions?.lookupMaybe(PDFName.of('P'), PDFNumber)?.asNumber() === 1;

const child = (dict: PDFDict | undefined, key: string): PDFDict | undefined =>
  dict?.lookupMaybe(PDFName.of(key), PDFDict);
