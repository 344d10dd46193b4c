/** One DER element: tag, definite length in its shortest form (X.690 §10.1), contents. */
export function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const hex = body.length.toString(16);
  const length = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, body]);
}

/** An OBJECT IDENTIFIER (X.690 §8.19) from its dotted form; arcs may be as long as those below 2.25 (UUIDs). */
export function derOid(oid: string): Buffer {
  const [first = 0n, second = 0n, ...rest] = oid.split('.').map(BigInt);
  return der(0x06, Buffer.from([40n * first + second, ...rest].flatMap(base128)));
}

/** The digits of an arc in base 128, all but the last marked by their high bit. */
function base128(arc: bigint): number[] {
  const higher = arc >> 7n;
  return [...(higher > 0n ? base128(higher).map((digit) => digit | 0x80) : []), Number(arc & 0x7fn)];
}

/** Where the content of an element begins, and where the element ends. */
export type DerElement = { start: number; end: number };

/**
 * The element at `offset`, if it has this tag, lies within `bytes`, and has a content of at most 255 bytes with its
 * length in the shortest form: nothing in this room is longer. Undefined otherwise; never throws.
 */
export function readElement(bytes: Uint8Array, offset: number, tag: number): DerElement | undefined {
  if (bytes[offset] !== tag) return undefined;
  const long = bytes[offset + 1] === 0x81;
  const length = bytes[offset + (long ? 2 : 1)];
  if (length === undefined || long !== length >= 0x80) return undefined;
  const start = offset + (long ? 3 : 2);
  return start + length <= bytes.length ? { start, end: start + length } : undefined;
}

/** The content of `bytes` if they are exactly one element with this tag, as `readElement` takes it. */
export function readWhole(bytes: Uint8Array, tag: number): Uint8Array | undefined {
  const element = readElement(bytes, 0, tag);
  return element?.end === bytes.length ? bytes.subarray(element.start) : undefined;
}

/** The content of an INTEGER as `width` bytes, if it is not negative, not padded, and no wider. */
export function readUnsigned(content: Uint8Array, width: number): Buffer | undefined {
  const [first, second] = content;
  const negative = first === undefined || first >= 0x80;
  const padded = first === 0 && second !== undefined && second < 0x80;
  const digits = first === 0 ? content.subarray(1) : content;
  if (negative || padded || digits.length > width) return undefined;
  return Buffer.concat([Buffer.alloc(width - digits.length), digits]);
}
