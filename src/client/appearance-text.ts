import type { ShownDetails } from './signature-details.ts';

/** What measures a text in the font of the appearance, in points. */
export type Measure = (text: string, size: number) => number;

/** Lines of one size that fit a box; `leading` is the distance of their baselines. */
export type Layout = { lines: string[]; size: number; leading: number };

const [largest, smallest, step] = [10, 4, 0.5];
const leadingOf = (size: number) => size * 1.25;

/** What a visible signature says, in Vietnamese: who, why, where, and when by the signer's clock. */
export function appearanceLines({ holder, name = holder, reason, location, signingTime }: ShownDetails): string[] {
  const time = signingTime.toLocaleString('vi-VN', { timeZone: 'Asia/Ho_Chi_Minh', hour12: false });
  return [
    ...(name ? [`Ký bởi: ${name}`] : []),
    ...(reason ? [`Lý do: ${reason}`] : []),
    ...(location ? [`Nơi ký: ${location}`] : []),
    `Thời gian ký: ${time}`,
  ].map(printable);
}

/** One line of NFC text without control and direction characters, which could make it read as something else (S29). */
function printable(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[\p{Zs}\p{Zl}\p{Zp}\p{Cc}]+/gu, ' ')
    .replace(/[\p{Cf}\p{Co}\p{Cn}\p{Cs}]/gu, '')
    .trim();
}

/** Breaks lines at spaces and shrinks the text until it fits; what does not fit at the smallest size is cut with "…". */
export function layOut(texts: readonly string[], width: number, height: number, measure: Measure): Layout {
  for (let size = largest; ; size -= step) {
    const lines = texts.flatMap((text) => wrap(text, width, (part) => measure(part, size)));
    const leading = leadingOf(size);
    if (lines.length * leading <= height) return { lines, size, leading };
    if (size > smallest) continue;
    const kept = lines.slice(0, Math.max(1, Math.floor(height / leading)));
    let last = kept.pop() ?? '';
    while (last !== '' && measure(`${last}…`, size) > width) last = last.slice(0, -1);
    return { lines: [...kept, `${last}…`], size, leading };
  }
}

/** Greedy; a word that is longer than the line is broken between characters. */
function wrap(text: string, width: number, measure: (text: string) => number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (measure(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = '';
    for (const character of word) {
      if (line !== '' && measure(line + character) > width) {
        lines.push(line);
        line = '';
      }
      line += character;
    }
  }
  return [...lines, line];
}
