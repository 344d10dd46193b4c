import {
  type PDFAcroField,
  PDFAcroSignature,
  PDFArray,
  PDFDict,
  type PDFDocument,
  PDFHexString,
  PDFName,
  PDFNumber,
  type PDFPage,
  type PDFRef,
  PDFString,
} from '@cantoo/pdf-lib';
import { KysoError } from '../base/errors.ts';
import { addAppearance } from './appearance.ts';
import { type Place, placeOf } from './placement.ts';
import type { ShownDetails, SignatureLook } from './signature-details.ts';

/** Ten digits each (ISO 32000-2 §12.8.1): wide enough for what will be written over them. */
const byteRange = [0, 9_999_999_999, 9_999_999_999, 9_999_999_999];

/** The ByteRange of a signature that is not yet made, as it stands in the file. */
export const byteRangePlaceholder = `[ ${byteRange.join(' ')} ]`;

const SIGNATURES_EXIST_AND_APPEND_ONLY = 3;
const PRINT_AND_LOCKED = 4 + 128;

/**
 * Puts an ETSI.CAdES.detached signature dictionary (EN 319 142-1 §5.3), whose /Contents has room for `room` bytes, into
 * a field. Content streams and resources of pages stay as they are: a reader counts their change as tampering with an
 * earlier signature.
 * @throws KysoError document — no such page, field or place
 */
export async function addSignatureField(
  document: PDFDocument,
  room: number,
  details: ShownDetails,
  { visible, field }: SignatureLook = {},
): Promise<void> {
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
  form.dict.set(PDFName.of('SigFlags'), PDFNumber.of(SIGNATURES_EXIST_AND_APPEND_ONLY));
  const value = context.register(signature);
  if (field !== undefined) return fillField(document, field, value, details);

  const place = visible ? placeOf(document, visible === true ? undefined : visible) : undefined;
  const appearance = place && (await appearanceOf(document, place.rect, place.rotation, details));
  form.addField(addWidget(document, value, place, appearance));
}

function appearanceOf(document: PDFDocument, rect: number[], rotation: number, details: ShownDetails) {
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = rect;
  const [width, height] = [Math.abs(x2 - x1), Math.abs(y2 - y1)];
  const turned = rotation === 90 || rotation === 270;
  const [shownWidth, shownHeight] = turned ? [height, width] : [width, height];
  return addAppearance(document, { width: shownWidth, height: shownHeight, rotation }, details);
}

function addWidget(document: PDFDocument, value: PDFRef, place?: Place, appearance?: PDFRef): PDFRef {
  const { context } = document;
  const page = place?.page ?? document.getPage(0);
  const form = document.catalog.getOrCreateAcroForm();
  const taken = new Set(form.getAllFields().map(([field]) => field.getFullyQualifiedName()));
  let number = 1;
  while (taken.has(`Signature${number}`)) number += 1;
  const widget = context.register(
    context.obj({
      Type: 'Annot',
      Subtype: 'Widget',
      FT: 'Sig',
      T: PDFString.of(`Signature${number}`),
      V: value,
      F: PRINT_AND_LOCKED,
      Rect: place?.rect ?? [0, 0, 0, 0],
      P: page.ref,
      AP: appearance && { N: appearance },
    }),
  );
  const annotations = page.node.Annots();
  if (annotations) annotations.push(widget);
  else page.node.set(PDFName.of('Annots'), context.obj([widget]));
  return widget;
}

/** Signs a field that the document's author left empty. */
async function fillField(document: PDFDocument, name: string, value: PDFRef, details: ShownDetails): Promise<void> {
  const fields = document.catalog.getOrCreateAcroForm().getAllFields();
  const empty = ([field]: [PDFAcroField, PDFRef]) =>
    field instanceof PDFAcroSignature && !field.dict.has(PDFName.of('V'));
  const found = fields.find((entry) => entry[0].getFullyQualifiedName() === name && empty(entry))?.[0];
  if (!found) {
    const free = fields.filter(empty).map(([field]) => `"${field.getFullyQualifiedName()}"`);
    const hint = free.length > 0 ? `Empty ones: ${free.join(', ')}.` : 'It has no empty signature field.';
    throw new KysoError('document', `The PDF has no empty signature field "${name}". ${hint}`);
  }
  found.dict.set(PDFName.of('V'), value);
  const widget = widgetOf(found.dict);
  const rect = widget.lookupMaybe(PDFName.of('Rect'), PDFArray)?.asRectangle();
  if (!rect || rect.width < 1 || rect.height < 1) return;
  const { x, y, width, height } = rect;
  const appearance = await appearanceOf(document, [x, y, x + width, y + height], rotationOf(document, widget), details);
  widget.set(PDFName.of('AP'), document.context.obj({ N: appearance }));
  widget.set(PDFName.of('F'), PDFNumber.of(PRINT_AND_LOCKED));
}

/** A field with one widget is usually one dictionary with it; else the widget is its only child. */
function widgetOf(field: PDFDict): PDFDict {
  const kids = field.lookupMaybe(PDFName.of('Kids'), PDFArray);
  return kids && kids.size() > 0 ? kids.lookup(0, PDFDict) : field;
}

/** The turn of the page that a widget says it is on, or else that has it among its annotations. */
function rotationOf(document: PDFDocument, widget: PDFDict): number {
  const pages = document.getPages();
  const named = widget.get(PDFName.of('P'));
  const holds = (page: PDFPage) =>
    page.node
      .Annots()
      ?.asArray()
      .some((entry) => document.context.lookup(entry) === widget);
  const page = pages.find(({ ref }) => ref === named) ?? pages.find(holds);
  return (((page?.getRotation().angle ?? 0) % 360) + 360) % 360;
}
