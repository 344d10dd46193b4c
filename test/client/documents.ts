import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PDFDocument, PDFHexString, PDFName } from '@cantoo/pdf-lib';

/** The sample document of the repository: one page, classic cross-reference table. */
export const sample = readFileSync(new URL('../../docs/sample/giay-xac-nhan.pdf', import.meta.url));

/** `pdf` rewritten by qpdf with these options. */
export function qpdf(directory: string, pdf: Uint8Array, ...options: string[]): Buffer {
  const [from, to] = [join(directory, 'from.pdf'), join(directory, 'to.pdf')];
  writeFileSync(from, pdf);
  execFileSync('qpdf', [...options, from, to]);
  return readFileSync(to);
}

/** A document that its author certified with these DocMDP permissions (the certification itself is not valid). */
export async function certified(permissions: number): Promise<Uint8Array> {
  const document = await PDFDocument.load(sample);
  const { context, catalog } = document;
  const DocMDP = context.register(context.obj(signatureWithDocMDP(permissions)));
  catalog.set(PDFName.of('Perms'), context.obj({ DocMDP }));
  return document.save({ useObjectStreams: false });
}

/** A document with a signed field whose lock, or whose signature's DocMDP, forbids any change. */
export async function locked(by: 'Lock' | 'Reference'): Promise<Uint8Array> {
  const document = await PDFDocument.load(sample);
  const { context } = document;
  const V = context.register(context.obj(by === 'Reference' ? signatureWithDocMDP(1) : { Type: 'Sig' }));
  const Lock = by === 'Lock' ? { Type: 'SigFieldLock', Action: 'All', P: 1 } : undefined;
  const field = context.obj({ FT: 'Sig', T: PDFHexString.fromText('Hiệu trưởng'), V, Lock });
  document.catalog.getOrCreateAcroForm().addField(context.register(field));
  return document.save({ useObjectStreams: false });
}

/** A document whose first page has annotations in an indirect array, and whose form has a field named Signature1. */
export async function annotated(): Promise<Uint8Array> {
  const document = await PDFDocument.load(sample);
  const { context } = document;
  const note = context.register(
    context.obj({ Type: 'Annot', Subtype: 'Text', Rect: [20, 20, 40, 40], Contents: PDFHexString.fromText('Ghi chú') }),
  );
  document.getPage(0).node.set(PDFName.of('Annots'), context.register(context.obj([note])));
  const field = context.obj({ FT: 'Tx', T: PDFHexString.fromText('Signature1') });
  document.catalog.getOrCreateAcroForm().addField(context.register(field));
  return document.save({ useObjectStreams: false });
}

const signatureWithDocMDP = (P: number) => ({
  Type: 'Sig',
  Reference: [
    {
      Type: 'SigRef',
      TransformMethod: 'DocMDP',
      TransformParams: { Type: 'TransformParams', P, V: '1.2' },
    },
  ],
});
