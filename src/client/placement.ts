import type { PDFDocument, PDFPage } from '@cantoo/pdf-lib';
import { KysoError } from '../base/errors.ts';

/**
 * Where a visible signature stands: the page counts from 1, from the end with a minus; the lower left corner and the
 * size in points, on the page as it is shown.
 */
export type Placement = { page: number; x: number; y: number; width: number; height: number };

/** Lower right on the first page, big enough for four lines. */
export const usualSize = { width: 210, height: 60 } as const;
const distance = 36;

/** Where it stands in the file: the page, the Rect in its coordinates, and how the page is turned. */
export type Place = { page: PDFPage; rect: number[]; rotation: number };

/** @throws KysoError document — there is no such page, or the box does not lie on it */
export function placeOf(document: PDFDocument, placement: Placement | undefined): Place {
  const pages = document.getPages();
  const wanted = placement?.page ?? 1;
  const page = pages[wanted > 0 ? wanted - 1 : pages.length + wanted];
  if (!page) throw new KysoError('document', `The PDF has no page ${wanted}: it has ${pages.length}.`);
  const { x: left, y: bottom, width, height } = page.getCropBox();
  const rotation = ((page.getRotation().angle % 360) + 360) % 360;
  const turned = rotation === 90 || rotation === 270;
  const [shownWidth, shownHeight] = turned ? [height, width] : [width, height];
  const box = placement ?? {
    ...usualSize,
    x: Math.max(0, shownWidth - usualSize.width - distance),
    y: Math.min(distance, Math.max(0, shownHeight - usualSize.height)),
  };
  const fits = box.x >= 0 && box.y >= 0 && box.x + box.width <= shownWidth && box.y + box.height <= shownHeight;
  if (!fits || box.width < 20 || box.height < 10) {
    const size = `${Math.round(shownWidth)} × ${Math.round(shownHeight)} points`;
    throw new KysoError('document', `The visible signature does not lie on page ${wanted} (${size}), or is too small.`);
  }
  const [x1, y1, x2, y2] = unturned(box, rotation, width, height);
  return { page, rect: [left + x1, bottom + y1, left + x2, bottom + y2], rotation };
}

type Corners = [number, number, number, number];

/** From the page as it is shown to the page as it is stored, `width` × `height`. */
function unturned(
  { x, y, width: w, height: h }: Omit<Placement, 'page'>,
  rotation: number,
  width: number,
  height: number,
): Corners {
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
