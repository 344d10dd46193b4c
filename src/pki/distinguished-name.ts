import * as asn1 from 'asn1js';
import { KysoError } from '../base/errors.ts';

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
  const { result, offset } = asn1.fromBER(name);
  if (offset !== name.length) throw new KysoError('document', 'a distinguished name is not DER');
  return children(result, asn1.Sequence)
    .reverse()
    .map((rdn) =>
      children(rdn, asn1.Set)
        .map((attribute) => attributeText(attribute))
        .join('+'),
    )
    .join(',');
}

function attributeText(attribute: asn1.BaseBlock): string {
  const [type, value] = children(attribute, asn1.Sequence);
  if (!(type instanceof asn1.ObjectIdentifier) || !value) throw new KysoError('document', 'not a name attribute');
  const oid = type.getValue();
  const shortName = shortNames[oid];
  if (shortName === undefined || !isText(value)) {
    return `${shortName ?? oid}=#${Buffer.from(value.valueBeforeDecodeView).toString('hex')}`;
  }
  return `${shortName}=${escapeValue(value.getValue())}`;
}

function isText(value: asn1.BaseBlock): value is asn1.BaseBlock & { getValue(): string } {
  return [
    asn1.Utf8String,
    asn1.PrintableString,
    asn1.IA5String,
    asn1.TeletexString,
    asn1.BmpString,
    asn1.UniversalString,
  ].some((type) => value instanceof type);
}

/** RFC 4514 §2.4: specials get a backslash, controls their hex pair, and blanks only where they would be lost. */
function escapeValue(text: string): string {
  return text
    .replace(/[\\"+,;<>]/g, '\\$&')
    .replace(/[\u0000-\u001f\u007f]/g, (control) => `\\${Buffer.from(control).toString('hex').toUpperCase()}`)
    .replace(/^[ #]|(?!^) $/g, '\\$&');
}

function children(block: asn1.BaseBlock, type: typeof asn1.Sequence | typeof asn1.Set): asn1.BaseBlock[] {
  if (!(block instanceof type)) throw new KysoError('document', 'a distinguished name has the wrong shape');
  return [...block.valueBlock.value];
}
