import { createHash } from 'node:crypto';
import { KysoError } from '../base/errors.ts';
import type { DigestName } from '../crypto/algorithms.ts';
import { byteRangePlaceholder } from './signature-field.ts';

/** A document with a patched ByteRange; `start` and `end` enclose the hexadecimal /Contents with its angle brackets. */
export type OpenContents = { document: Buffer; start: number; end: number };

/**
 * Writes the real ByteRange over the placeholder that lies behind byte `from`, where the new revision begins, so that
 * earlier signatures stay out of sight. Patches `document` in place.
 */
export function patchByteRange(document: Buffer, from: number): OpenContents {
  const range = document.indexOf(byteRangePlaceholder, from);
  const start = document.indexOf('<', range + byteRangePlaceholder.length);
  const end = document.indexOf('>', start) + 1;
  if (range < 0 || start < 0 || end === 0) throw new KysoError('internal', 'The signature dictionary was not written.');
  const real = `[ 0 ${start} ${end} ${document.length - end} ]`;
  document.write(real.padEnd(byteRangePlaceholder.length), range, 'latin1');
  return { document, start, end };
}

/** The digest over the two parts of the ByteRange: everything but /Contents. */
export function digestByteRange({ document, start, end }: OpenContents, digest: DigestName): Buffer {
  return createHash(digest).update(document.subarray(0, start)).update(document.subarray(end)).digest();
}

/**
 * A copy of the document with `cms` in /Contents, as hexadecimal, padded with zeros.
 * @throws KysoError document — there is not enough room for it
 */
export function fillContents({ document, start, end }: OpenContents, cms: Buffer): Buffer {
  const room = (end - start - 2) / 2;
  if (cms.length > room)
    throw new KysoError('document', `The signature has ${cms.length} bytes, and room for ${room}.`);
  const filled = Buffer.from(document);
  filled.write(cms.toString('hex').padEnd(end - start - 2, '0'), start + 1, 'latin1');
  return filled;
}
