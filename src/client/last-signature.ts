import { KysoError } from '../base/errors.ts';

/**
 * The newest signature of a PDF: its CMS (DER, without padding), the whole /Contents with it, and the bytes that its
 * ByteRange covers.
 */
export type PdfSignature = { cms: Buffer; contents: Buffer; content: Buffer };

/** Where ByteRanges stand; the last one is the newest signature's. */
export const byteRange = /\/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]/g;

/**
 * @throws KysoError document — the PDF has no signature, or the newest one does not cover the whole file but its own
 *   /Contents: then something was added or cut off after it
 */
export function lastSignature(pdf: Buffer): PdfSignature {
  const ranges = [...pdf.toString('latin1').matchAll(byteRange)];
  const last = ranges.at(-1);
  if (!last) throw new KysoError('document', 'The PDF has no signature.');
  const [start = 0, length = 0, next = 0, rest = 0] = last.slice(1).map(Number);
  if (start !== 0 || length >= next || next + rest !== pdf.length) {
    throw new KysoError('document', 'The newest signature does not cover the whole PDF.');
  }
  const hex = pdf.subarray(start + length, next).toString('latin1');
  if (!/^<[0-9a-f]*>$/i.test(hex)) throw new KysoError('document', 'The signature is not in hexadecimal.');
  const contents = Buffer.from(hex.slice(1, -1), 'hex');
  // DER of definite length: SEQUENCE, then the number of length bytes, then the length itself.
  const lengthBytes = (contents[1] ?? 0) - 0x80;
  if (contents[0] !== 0x30 || lengthBytes < 1 || lengthBytes > 4)
    throw new KysoError('document', 'The signature is not a CMS.');
  const total = 2 + lengthBytes + contents.readUIntBE(2, lengthBytes);
  const content = Buffer.concat([pdf.subarray(start, start + length), pdf.subarray(next, next + rest)]);
  return { cms: contents.subarray(0, total), contents, content };
}
