import type { CertificateFields } from './certificate-fields.ts';
import { tags } from './der.ts';
import { DerReader, readDer } from './der-reader.ts';

type Extended = Pick<CertificateFields, 'extensions'>;

const oids = { keyUsage: '2.5.29.15', basicConstraints: '2.5.29.19' } as const;
/** The first bits of KeyUsage, in their order (RFC 5280 §4.2.1.3). */
const usages = [
  ...(['digitalSignature', 'nonRepudiation', 'keyEncipherment', 'dataEncipherment'] as const),
  ...(['keyAgreement', 'keyCertSign', 'cRLSign', 'encipherOnly'] as const),
];
export type KeyUsage = (typeof usages)[number];

/**
 * What a certificate's key may be used for; undefined where the extension is not there, which then restricts nothing.
 * @throws KysoError document — malformed
 */
export function keyUsagesOf({ extensions }: Extended): KeyUsage[] | undefined {
  const found = extensions.find(({ oid }) => oid === oids.keyUsage);
  if (!found) return undefined;
  const reader = new DerReader(found.value, 'a key usage');
  const [, bits = 0] = reader.element(tags.bitString).content;
  reader.end();
  return usages.filter((_, bit) => bits & (0x80 >> bit));
}

/**
 * Whether a certificate is one of an authority, and how many authorities may stand between it and an end entity
 * (RFC 5280 §4.2.1.9).
 * @throws KysoError document — malformed
 */
export function basicConstraintsOf({ extensions }: Extended): { authority: boolean; pathLength: number } {
  const found = extensions.find(({ oid }) => oid === oids.basicConstraints);
  if (!found) return { authority: false, pathLength: 0 };
  const fields = readDer(found.value, 'basic constraints');
  const authority = fields.follows(tags.boolean) && fields.boolean();
  const pathLength = fields.follows(tags.integer) ? fields.small() : Number.POSITIVE_INFINITY;
  fields.end();
  return { authority, pathLength };
}

/** Extensions that must be understood (RFC 5280 §4.2) and are not among `known`; OIDs. */
export function criticalBeyond({ extensions }: Extended, known: readonly string[]): string[] {
  return extensions.filter(({ oid, critical }) => critical && !known.includes(oid)).map(({ oid }) => oid);
}
