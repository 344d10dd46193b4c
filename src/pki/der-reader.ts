import { KysoError } from '../base/errors.ts';
import { tags } from './der.ts';

/** One DER element: its tag, its content, and all of its bytes. */
export type Element = { tag: number; content: Buffer; raw: Buffer };

/**
 * Reads DER from untrusted hands, element after element: definite lengths in their shortest form, low tag numbers, all
 * within the bytes given, nothing behind the last. It descends only where its caller does, so that depth costs nothing.
 * Each method throws KysoError document where the bytes are not what is asked for.
 */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #offset = 0;

  /** @param what names the whole structure in errors, such as "an OCSP request" */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  malformed(): KysoError {
    return new KysoError('document', `not ${this.#what}`);
  }

  /** Whether another element follows; if a tag is given, one with this tag. */
  follows(tag?: number): boolean {
    return this.#offset < this.#bytes.length && (tag === undefined || this.#bytes[this.#offset] === tag);
  }

  /** Nothing may follow. */
  end(): void {
    if (this.follows()) throw this.malformed();
  }

  /** The next element, of this tag if one is given. */
  element(tag?: number): Element {
    const bytes = this.#bytes;
    const from = this.#offset;
    const [found, first] = [bytes[from], bytes[from + 1]];
    if (found === undefined || first === undefined || (found & 0x1f) === 0x1f) throw this.malformed();
    if (tag !== undefined && found !== tag) throw this.malformed();
    const octets = first < 0x80 ? 0 : first - 0x80;
    const start = from + 2 + octets;
    if (first === 0x80 || octets > 4 || start > bytes.length) throw this.malformed();
    const length = octets === 0 ? first : bytes.readUIntBE(from + 2, octets);
    const shortest = octets === 0 || (length >= 0x80 && length >= 256 ** (octets - 1));
    const end = start + length;
    if (!shortest || end > bytes.length) throw this.malformed();
    this.#offset = end;
    return { tag: found, content: bytes.subarray(start, end), raw: bytes.subarray(from, end) };
  }

  optional(tag: number): Element | undefined {
    return this.follows(tag) ? this.element(tag) : undefined;
  }

  /** A reader of what is inside the next element, which has this tag. */
  enter(tag: number = tags.sequence): DerReader {
    return this.within(this.element(tag));
  }

  enterOptional(tag: number): DerReader | undefined {
    return this.follows(tag) ? this.enter(tag) : undefined;
  }

  /** A reader of what is inside an element that was read here. */
  within({ content }: Pick<Element, 'content'>): DerReader {
    return new DerReader(content, this.#what);
  }

  /** What `read` makes of each element to the end: from 1 to `limit` of them, the bound of what one message may cost. */
  list<Item>(limit: number, read: (items: DerReader) => Item): Item[] {
    const items: Item[] = [];
    while (this.follows()) {
      if (items.length === limit) throw this.malformed();
      items.push(read(this));
    }
    if (items.length === 0) throw this.malformed();
    return items;
  }

  /** The content of an INTEGER (or ENUMERATED) in its shortest form, at most `limit` octets. */
  integer(limit: number, tag: number = tags.integer): Buffer {
    const { content } = this.element(tag);
    const [first, second = 0] = content;
    const padded = content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
    if (content.length === 0 || content.length > limit || padded) throw this.malformed();
    return content;
  }

  /** A small non-negative INTEGER or ENUMERATED: a version, a status, a reason. */
  small(tag: number = tags.integer): number {
    const [value = 0x80] = this.integer(1, tag);
    if (value >= 0x80) throw this.malformed();
    return value;
  }

  oid(): string {
    const { content } = this.element(tags.oid);
    const complete = content.length > 0 && content.length <= 64 && content.readUInt8(content.length - 1) < 0x80;
    if (!complete) throw this.malformed();
    const arcs = [0n];
    let begins = true;
    for (const byte of content) {
      if (begins && byte === 0x80) throw this.malformed();
      arcs[arcs.length - 1] = ((arcs.at(-1) ?? 0n) << 7n) | BigInt(byte & 0x7f);
      begins = byte < 0x80;
      if (begins) arcs.push(0n);
    }
    const [joined = 0n, ...rest] = arcs.slice(0, -1);
    const first = joined < 80n ? joined / 40n : 2n;
    return [first, joined - 40n * first, ...rest].join('.');
  }

  /** BOOLEAN; FALSE where DER would have left a default out is taken, too. */
  boolean(): boolean {
    const { content } = this.element(tags.boolean);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw this.malformed();
    return content[0] === 0xff;
  }

  /** The content of a BIT STRING of whole octets. */
  bits(): Buffer {
    const { content } = this.element(tags.bitString);
    if (content[0] !== 0) throw this.malformed();
    return content.subarray(1);
  }

  /** UTCTime or GeneralizedTime in UTC, with seconds. */
  time(): Date {
    return this.follows(tags.utcTime) ? this.#instant(this.element(), 2) : this.generalizedTime();
  }

  /** GeneralizedTime in UTC, with seconds and perhaps a fraction (RFC 3161 §2.4.2), of which milliseconds are kept. */
  generalizedTime(): Date {
    return this.#instant(this.element(tags.generalizedTime), 4);
  }

  #instant({ content }: Element, yearDigits: 2 | 4): Date {
    const text = content.length <= 32 ? content.toString('latin1') : '';
    const form = yearDigits === 2 ? /^(\d\d)(\d{10})()Z$/ : /^(\d{4})(\d{10})((?:\.\d*[1-9])?)Z$/;
    const [, year = '', rest = '', fraction = ''] = form.exec(text) ?? [];
    const century = yearDigits === 4 ? '' : Number(year) < 50 ? '20' : '19';
    const [month, day, hour, minute, second] = rest.match(/\d\d/g) ?? [];
    const seconds = `${century}${year}-${month}-${day}T${hour}:${minute}:${second}`;
    const date = new Date(`${seconds}.${fraction.slice(1, 4).padEnd(3, '0')}Z`);
    // Date takes the 31st of February for one of March.
    if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(seconds)) throw this.malformed();
    return date;
  }
}

/** A reader inside `der`, which must be exactly one element of this tag. */
export function readDer(der: Uint8Array, what: string, tag: number = tags.sequence): DerReader {
  const outer = new DerReader(der, what);
  const inner = outer.enter(tag);
  outer.end();
  return inner;
}

/** A serial number as the log and the store have it: upper-case hex without a leading zero byte; `-` if negative. */
export function serialText(content: Uint8Array): string {
  const hex = Buffer.from(content).toString('hex').toUpperCase();
  if ((content[0] ?? 0) >= 0x80) return `-${hex}`;
  return hex.length > 2 && hex.startsWith('00') ? hex.slice(2) : hex;
}
