import { ParseSpeeds, PDFArray, PDFDict, PDFDocument, PDFName, type PDFObject } from '@cantoo/pdf-lib';

const inCatalog = ['DSS', 'Extensions', 'Version'];
const inStore = ['Certs', 'OCSPs', 'CRLs', 'VRI'];

/**
 * Whether `after` shows the same document as `before`, with nothing but validation data added (EN 319 142-1 §5.4): every
 * object is as it was, except the catalog's entries for it, and the lists of the store, which may only grow.
 */
export async function addsOnlyValidationData(before: Buffer, after: Buffer): Promise<boolean> {
  const [old, now] = [await load(before), await load(after)];
  const [{ Root, Info }, trailer] = [old.context.trailerInfo, now.context.trailerInfo];
  if (trailer.Root !== Root || trailer.Info !== Info) return false;
  const store = old.catalog.lookupMaybe(PDFName.of('DSS'), PDFDict);
  const lists = inStore.map((key) => store?.get(PDFName.of(key)));
  return old.context.enumerateIndirectObjects().every(([ref, object]) => {
    const next = now.context.lookup(ref);
    if (text(object) === text(next)) return true;
    if (ref === Root) return differOnlyIn(object, next, inCatalog);
    if (ref === old.catalog.get(PDFName.of('DSS')))
      return differOnlyIn(object, next, inStore) && listsGrow(object, next);
    return lists.includes(ref) && grows(object, next);
  });
}

const load = (pdf: Buffer) =>
  PDFDocument.load(pdf, { updateMetadata: false, parseSpeed: ParseSpeeds.Fastest, forIncrementalUpdate: true });

const text = (object: PDFObject | undefined): string => String(object);

function differOnlyIn(before: PDFObject, after: PDFObject | undefined, keys: string[]): boolean {
  if (!(before instanceof PDFDict) || !(after instanceof PDFDict)) return false;
  const others = [...before.keys(), ...after.keys()].filter((key) => !keys.includes(key.decodeText()));
  return others.every((key) => text(before.get(key)) === text(after.get(key)));
}

/** The lists that stand in the store itself. */
function listsGrow(before: PDFObject, after: PDFObject | undefined): boolean {
  const lists = inStore.map((key) =>
    [before, after].map((store) => (store instanceof PDFDict ? store.get(PDFName.of(key)) : undefined)),
  );
  return lists.every(([old, now]) => old === undefined || text(old) === text(now) || grows(old, now));
}

/** What was in the list or dictionary is still there, at its place. */
function grows(before: PDFObject, after: PDFObject | undefined): boolean {
  if (before instanceof PDFDict && after instanceof PDFDict)
    return before.keys().every((key) => text(before.get(key)) === text(after.get(key)));
  if (!(before instanceof PDFArray) || !(after instanceof PDFArray)) return false;
  return before.asArray().every((item, index) => text(item) === text(after.get(index)));
}
