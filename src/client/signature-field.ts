import { type PDFDocument, PDFHexString, PDFName, PDFNumber, PDFString } from '@cantoo/pdf-lib';

/** What a signature says about itself in the PDF; the instant is the signer's claim, not a timestamp. */
export type SignatureDetails = {
  signingTime: Date;
  reason?: string | undefined;
  location?: string | undefined;
  name?: string | undefined;
};

/** Ten digits each (ISO 32000-2 §12.8.1): wide enough for what will be written over them. */
const byteRange = [0, 9_999_999_999, 9_999_999_999, 9_999_999_999];

/** The ByteRange of a signature that is not yet made, as it stands in the file. */
export const byteRangePlaceholder = `[ ${byteRange.join(' ')} ]`;

const SIGNATURES_EXIST_AND_APPEND_ONLY = 3;
const PRINT_AND_LOCKED = 4 + 128;

/**
 * Adds an invisible signature field on the first page with an ETSI.CAdES.detached signature dictionary (EN 319 142-1
 * §5.3) whose /Contents has room for `room` bytes. The page's content streams and resources stay as they are: a reader
 * counts their change as tampering with an earlier signature.
 */
export function addSignatureField(document: PDFDocument, room: number, details: SignatureDetails): void {
  const { context } = document;
  const text = (value?: string) => (value === undefined ? undefined : PDFHexString.fromText(value));
  const signature = context.obj({
    Type: 'Sig',
    Filter: 'Adobe.PPKLite',
    SubFilter: 'ETSI.CAdES.detached',
    ByteRange: byteRange,
    Contents: PDFHexString.of('0'.repeat(room * 2)),
    M: PDFString.fromDate(details.signingTime),
    Reason: text(details.reason),
    Location: text(details.location),
    Name: text(details.name),
  });

  const form = document.catalog.getOrCreateAcroForm();
  const taken = new Set(form.getAllFields().map(([field]) => field.getFullyQualifiedName()));
  let number = 1;
  while (taken.has(`Signature${number}`)) number += 1;

  const page = document.getPage(0);
  const field = context.register(
    context.obj({
      Type: 'Annot',
      Subtype: 'Widget',
      FT: 'Sig',
      T: PDFString.of(`Signature${number}`),
      V: context.register(signature),
      F: PRINT_AND_LOCKED,
      Rect: [0, 0, 0, 0],
      P: page.ref,
    }),
  );
  form.dict.set(PDFName.of('SigFlags'), PDFNumber.of(SIGNATURES_EXIST_AND_APPEND_ONLY));
  form.addField(field);
  const annotations = page.node.Annots();
  if (annotations) annotations.push(field);
  else page.node.set(PDFName.of('Annots'), context.obj([field]));
}
