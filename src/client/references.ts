import { PDFArray, type PDFContext, PDFDict, type PDFObject, PDFRef, PDFStream } from '@cantoo/pdf-lib';

/** No reader takes object numbers above it (ISO 32000-1 Annex C). */
const largest = 8_388_607;

/**
 * Has new objects take numbers that nothing in the file refers to yet, defined or not: a reference to an object that is
 * not there means null (ISO 32000-2 §7.3.10), and must not come to mean something else.
 * @param bytes of the file, whose text is searched too: the library keeps only the newest object of each number
 * @throws Error — there is no such number left
 */
export function skipReferences(context: PDFContext, bytes: Buffer): void {
  let most = context.largestObjectNumber;
  const see = (number: number) => {
    if (number > most) most = number;
  };
  const visit = (object: PDFObject): void => {
    if (object instanceof PDFRef) see(object.objectNumber);
    else if (object instanceof PDFArray) object.asArray().forEach(visit);
    else if (object instanceof PDFDict) object.values().forEach(visit);
    else if (object instanceof PDFStream) visit(object.dict);
  };
  for (const [, object] of context.enumerateIndirectObjects()) visit(object);
  for (const [, number] of bytes.toString('latin1').matchAll(/(\d{1,10})\s+\d{1,5}\s+R\b/g)) see(Number(number));
  // Left to this revision are some thousands.
  if (most > largest - 10_000) throw new Error(`a reference to object ${most}`);
  context.largestObjectNumber = most;
}
