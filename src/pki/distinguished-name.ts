import { isUtf8 } from 'node:buffer';
import { tags } from './der.ts';
import { type DerReader, type Element, readDer } from './der-reader.ts';

/** Short names of RFC 4514 §3, and `emailAddress` as the usual tools print it; other types stand as their OID. */
const shortNames: Record<string, string> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

/**
 * The RFC 4514 string of a DER Name: the last RDN first, joined by `,`; letters beyond ASCII stay as they are. A type
 * without a short name, or a value that is no text, is written `OID=#hex` (§2.4).
 * @throws KysoError document — the bytes are no Name
 */
export function distinguishedName(name: Uint8Array): string {
  const rdns = readDer(name, 'a distinguished name');
  const texts: string[] = [];
  while (rdns.follows()) {
    texts.push(rdns.enter(tags.set).list(mostAttributes, attributeText).join('+'));
  }
  return texts.toReversed().join(',');
}

/** How many attributes one RDN may hold. */
const mostAttributes = 16;

function attributeText(list: DerReader): string {
  const fields = list.enter();
  const oid = fields.oid();
  const value = fields.element();
  fields.end();
  const shortName = shortNames[oid];
  const text = shortName === undefined ? undefined : textOf(value);
  return text === undefined || !text.isWellFormed()
    ? `${shortName ?? oid}=#${value.raw.toString('hex')}`
    : `${shortName}=${escapeValue(text)}`;
}

/** The text of a string type; undefined for other types and for bytes that are no text of their type. */
function textOf({ tag, content }: Element): string | undefined {
  switch (tag) {
    case tags.utf8String:
      return isUtf8(content) ? content.toString('utf8') : undefined;
    case tags.printableString:
    case tags.ia5String:
    case tags.teletexString:
      return content.toString('latin1');
    case tags.bmpString:
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : undefined;
    case tags.universalString:
      return universalText(content);
    default:
      return undefined;
  }
}

function universalText(content: Buffer): string | undefined {
  if (content.length % 4 !== 0) return undefined;
  const points = Array.from({ length: content.length / 4 }, (_, index) => content.readUInt32BE(index * 4));
  if (points.some((point) => point > 0x10ffff)) return undefined;
  return points.map((point) => String.fromCodePoint(point)).join('');
}

/** RFC 4514 §2.4: specials get a backslash, controls their hex pair, and blanks only where they would be lost. */
function escapeValue(text: string): string {
  return text
    .replace(/[\\"+,;<>]/g, '\\$&')
    .replace(/[\u0000-\u001f\u007f]/g, (control) => `\\${Buffer.from(control).toString('hex').toUpperCase()}`)
    .replace(/^[ #]|(?!^) $/g, '\\$&');
}
