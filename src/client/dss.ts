import { createHash } from 'node:crypto';
import {
  decodePDFRawStream,
  PDFArray,
  PDFDict,
  type PDFDocument,
  PDFName,
  PDFNumber,
  PDFRawStream,
  PDFRef,
} from '@cantoo/pdf-lib';
import { sha256 } from '../base/bytes.ts';
import { lastSignature } from './last-signature.ts';
import { appendRevision } from './pdf-document.ts';

/** What a verifier of a later time needs: certificates, OCSP responses and CRLs, all DER. */
export type ValidationData = { certificates: Uint8Array[]; ocsps: Uint8Array[]; crls: Uint8Array[] };

const name = PDFName.of;

/**
 * Appends a revision that puts `data` into the document security store (EN 319 142-1 §5.4, ISO 32000-2 §12.8.4.3), beside
 * what is there of earlier signatures, and notes under VRI that it belongs to the newest one.
 * @throws KysoError document — no PDF with a signature, or one that cannot be read
 */
export function addValidationData(pdf: Buffer, data: ValidationData): Promise<Buffer> {
  const key = vriKey(lastSignature(pdf).contents);
  const change = (document: PDFDocument) => {
    const { context } = document;
    const store = dictOf(document, document.catalog, 'DSS');
    const lists = {
      Cert: addAll(document, store, 'Certs', data.certificates),
      OCSP: addAll(document, store, 'OCSPs', data.ocsps),
      CRL: addAll(document, store, 'CRLs', data.crls),
    };
    const filled = Object.entries(lists).filter(([, refs]) => refs.length > 0);
    dictOf(document, store, 'VRI').set(name(key), context.register(context.obj(Object.fromEntries(filled))));
    declareExtension(document);
  };
  return appendRevision(pdf, change, 'validation data');
}

/** The name of a signature under VRI: over the whole /Contents with its padding. Nothing rests on SHA-1 here. */
export function vriKey(contents: Buffer): string {
  return createHash('sha1').update(contents).digest('hex').toUpperCase();
}

/** The dictionary under this key, made where there is none. */
function dictOf({ context }: PDFDocument, parent: PDFDict, key: string): PDFDict {
  const existing = parent.lookupMaybe(name(key), PDFDict);
  if (existing) return existing;
  const made = context.obj({});
  parent.set(name(key), context.register(made));
  return made;
}

/** Puts what the list does not hold yet into it, each as a stream; answers where all of `values` are. */
function addAll({ context }: PDFDocument, store: PDFDict, key: string, values: Uint8Array[]): PDFRef[] {
  if (values.length === 0) return [];
  const list = store.lookupMaybe(name(key), PDFArray) ?? context.obj([]);
  const known = new Map<string, PDFRef>();
  for (const [index, ref] of list.asArray().entries()) {
    const stream = list.lookup(index);
    if (ref instanceof PDFRef && stream instanceof PDFRawStream)
      known.set(digest(decodePDFRawStream(stream).decode()), ref);
  }
  const refs = values.map((value) => {
    const found = known.get(digest(value));
    if (found) return found;
    const ref = context.register(context.stream(value));
    known.set(digest(value), ref);
    list.push(ref);
    return ref;
  });
  store.set(name(key), list);
  return refs;
}

const digest = (value: Uint8Array) => sha256(value).toString('hex');

/**
 * Says in the catalog that the file uses PAdES on top of PDF 1.7 (ESIC of ETSI); PDF 2.0 has all of it. An older file is
 * called 1.7 from this revision on, since an extension's base version may not be above the file's.
 */
function declareExtension(document: PDFDocument): void {
  const { catalog, context } = document;
  const version = Math.max(
    Number(context.header.getVersionString()),
    Number(catalog.lookupMaybe(name('Version'), PDFName)?.decodeText() ?? 0),
  );
  if (version >= 2) return;
  if (version < 1.7) catalog.set(name('Version'), name('1.7'));
  const extensions = dictOf(document, catalog, 'Extensions');
  if (!extensions.has(name('ESIC')))
    extensions.set(name('ESIC'), context.obj({ BaseVersion: '1.7', ExtensionLevel: PDFNumber.of(1) }));
}
