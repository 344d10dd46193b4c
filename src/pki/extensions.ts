import { der, derOid, octetString, sequence, tags } from './der.ts';
import type { DerReader } from './der-reader.ts';

/** An extension of a certificate, CRL, OCSP or timestamp message; `value` is what its OCTET STRING holds. */
export type Extension = { oid: string; critical: boolean; value: Buffer };

/** How many extensions one structure from outside may have. */
const most = 32;

export function extension(oid: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(derOid(oid), ...(critical ? [der(tags.boolean, Buffer.of(0xff))] : []), octetString(value));
}

/**
 * Reads Extensions from inside their SEQUENCE, none of them twice (RFC 5280 §4.2). What `known` does not name must not
 * be critical: its sender wants it understood or the whole refused.
 */
export function readExtensions(reader: DerReader, known: readonly string[] | 'any'): Extension[] {
  const seen = new Set<string>();
  return reader.list(most, (items) => {
    const fields = items.enter();
    const oid = fields.oid();
    const critical = fields.follows(tags.boolean) && fields.boolean();
    const value = fields.element(tags.octetString).content;
    fields.end();
    if (seen.has(oid) || (critical && known !== 'any' && !known.includes(oid))) throw reader.malformed();
    seen.add(oid);
    return { oid, critical, value };
  });
}
