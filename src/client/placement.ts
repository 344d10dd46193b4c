import { PDFArray, PDFDict, type PDFDocument, PDFName, type PDFPage } from '@cantoo/pdf-lib';
import { KysoError } from '../base/errors.ts';

/**
 * Where a visible signature stands: the page counts from 1, from the end with a minus; the lower left corner and the
 * size in points, on the page as it is shown.
 */
export type Placement = { page: number; x: number; y: number; width: number; height: number };

/** Big enough for four lines, this far from the edges of the page and `gap` from other fields and notes. */
const usualSize = { width: 210, height: 60 } as const;
const distance = 36;
const gap = 6;

/** Where it stands in the file: the page, the Rect in its coordinates, and how the page is turned. */
export type Place = { page: PDFPage; rect: number[]; rotation: number };

/**
 * Where `placement` says, or else lower right on the first page, above what stands there already.
 * @throws KysoError document — there is no such page, or the box does not lie on it
 */
export function placeOf(document: PDFDocument, placement: Placement | undefined): Place {
  const pages = document.getPages();
  const wanted = placement?.page ?? 1;
  const page = pages[wanted > 0 ? wanted - 1 : pages.length + wanted];
  if (!page) throw new KysoError('document', `The PDF has no page ${wanted}: it has ${pages.length}.`);
  const { x: left, y: bottom, width, height } = page.getCropBox();
  const rotation = ((page.getRotation().angle % 360) + 360) % 360;
  const turned = rotation === 90 || rotation === 270;
  const [shownWidth, shownHeight] = turned ? [height, width] : [width, height];
  const rectOf = (box: Box): Corners => {
    const [x1, y1, x2, y2] = unturned(box, rotation, width, height);
    return [left + x1, bottom + y1, left + x2, bottom + y2];
  };
  const box = placement ?? usualPlace(shownWidth, shownHeight, annotationsOf(page), rectOf);
  const fits = box.x >= 0 && box.y >= 0 && box.x + box.width <= shownWidth && box.y + box.height <= shownHeight;
  if (!fits || box.width < 20 || box.height < 10) {
    const size = `${Math.round(shownWidth)} × ${Math.round(shownHeight)} points`;
    throw new KysoError('document', `The visible signature does not lie on page ${wanted} (${size}), or is too small.`);
  }
  return { page, rect: rectOf(box), rotation };
}

type Box = Omit<Placement, 'page'>;

/** The lowest place at the right edge that no annotation takes, of which another signature is one; else the lowest. */
function usualPlace(width: number, height: number, taken: Corners[], rectOf: (box: Box) => Corners): Box {
  const x = Math.max(0, width - usualSize.width - distance);
  const lowest = { ...usualSize, x, y: Math.min(distance, Math.max(0, height - usualSize.height)) };
  for (let { y } = lowest; y + usualSize.height <= height - distance; y += usualSize.height + gap) {
    const rect = rectOf({ ...lowest, y });
    if (!taken.some((other) => overlap(rect, other))) return { ...lowest, y };
  }
  return lowest;
}

const overlap = (a: Corners, b: Corners) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

function annotationsOf(page: PDFPage): Corners[] {
  const annotations = page.node.Annots();
  const dicts = annotations?.asArray().map((_, index) => annotations.lookup(index)) ?? [];
  return dicts.flatMap((dict) => {
    const rect = dict instanceof PDFDict ? dict.lookup(PDFName.of('Rect')) : undefined;
    if (!(rect instanceof PDFArray) || rect.size() !== 4) return [];
    const { x, y, width, height } = rect.asRectangle();
    return [[Math.min(x, x + width), Math.min(y, y + height), Math.max(x, x + width), Math.max(y, y + height)]];
  });
}

type Corners = [number, number, number, number];

/** From the page as it is shown to the page as it is stored, `width` × `height`. */
function unturned({ x, y, width: w, height: h }: Box, rotation: number, width: number, height: number): Corners {
  switch (rotation) {
    case 90:
      return [width - y - h, x, width - y, x + w];
    case 180:
      return [width - x - w, height - y - h, width - x, height - y];
    case 270:
      return [y, height - x - w, y + h, height - x];
    default:
      return [x, y, x + w, y + h];
  }
}
