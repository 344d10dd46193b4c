import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  beginText,
  endText,
  type PDFDocument,
  type PDFFont,
  type PDFRef,
  popGraphicsState,
  pushGraphicsState,
  rectangle,
  setFillingGrayscaleColor,
  setFontAndSize,
  setLineWidth,
  setStrokingGrayscaleColor,
  setTextMatrix,
  showText,
  stroke,
} from '@cantoo/pdf-lib';
import * as fontkit from 'fontkit';
import { appearanceLines, layOut } from './appearance-text.ts';
import type { ShownDetails } from './signature-details.ts';

/** Width and height in points, as the reader sees them; `rotation` is the page's, in degrees clockwise. */
export type AppearanceBox = { width: number; height: number; rotation: number };

const require = createRequire(import.meta.url);
const fontFile = '@expo-google-fonts/be-vietnam-pro/400Regular/BeVietnamPro_400Regular.ttf';
const margin = 4;

/**
 * The appearance stream of a visible signature (ISO 32000-2 §12.7.5.5): a frame and the text of the details, with its
 * font, of which only the glyphs that occur are embedded. All of it hangs on the widget alone: the page's own resources
 * stay as they are. Characters that the font lacks are shown as "?".
 */
export async function addAppearance(
  document: PDFDocument,
  { width, height, rotation }: AppearanceBox,
  details: ShownDetails,
): Promise<PDFRef> {
  const font = await embedFont(document);
  const known = new Set(font.getCharacterSet());
  const shown = (text: string) =>
    Array.from(text, (character) => (known.has(character.codePointAt(0)!) ? character : '?')).join('');
  const room = { width: width - 2 * margin, height: height - 2 * margin };
  const { lines, size, leading } = layOut(
    appearanceLines(details).map(shown),
    room.width,
    room.height,
    (text, points) => font.widthOfTextAtSize(text, points),
  );
  const top = height - margin - size;
  const operators = [
    pushGraphicsState(),
    ...[setLineWidth(0.5), setStrokingGrayscaleColor(0.4), rectangle(0.25, 0.25, width - 0.5, height - 0.5), stroke()],
    ...[beginText(), setFillingGrayscaleColor(0), setFontAndSize('F0', size)],
    ...lines.flatMap((line, index) => [
      setTextMatrix(1, 0, 0, 1, margin, top - index * leading),
      showText(font.encodeText(line)),
    ]),
    ...[endText(), popGraphicsState()],
  ];
  const stream = document.context.formXObject(operators, {
    BBox: [0, 0, width, height],
    Matrix: uprightMatrix(rotation),
    Resources: { Font: { F0: font.ref } },
  });
  return document.context.register(stream);
}

async function embedFont(document: PDFDocument): Promise<PDFFont> {
  document.registerFontkit(fontkit as Parameters<PDFDocument['registerFontkit']>[0]);
  return document.embedFont(readFileSync(require.resolve(fontFile)), { subset: true });
}

/** Turns the text against the page's rotation, so that it stands upright; the viewer moves it into the field's Rect. */
function uprightMatrix(rotation: number): number[] {
  const turns: Record<number, number[]> = {
    90: [0, 1, -1, 0, 0, 0],
    180: [-1, 0, 0, -1, 0, 0],
    270: [0, -1, 1, 0, 0, 0],
  };
  return turns[rotation] ?? [1, 0, 0, 1, 0, 0];
}
