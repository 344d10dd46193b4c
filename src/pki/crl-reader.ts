import { crlExtensions } from './crl.ts';
import { type CrlReason, crlReasonOf } from './crl-reasons.ts';
import { tags } from './der.ts';
import { DerReader, readDer, serialText } from './der-reader.ts';
import { type Extension, readExtensions } from './extensions.ts';
import { readSigned, type Signed } from './signed.ts';

export type CrlEntry = { serialNumber: string; revokedAt: Date; reason: CrlReason };

export type Crl = Signed & {
  /** Name, DER. */
  issuer: Buffer;
  thisUpdate: Date;
  nextUpdate: Date;
  number: bigint;
  /** The address of the shard; undefined when it covers all certificates of its issuer. */
  distributionPoint: string | undefined;
  /** The entries as they stand in it, for `crlEntries`; `readCrl` found all of them well formed. */
  entries: Buffer;
};

const what = 'a complete X.509 v2 CRL';

/**
 * Reads a CRL that has a number and a next update. Its signature is not verified: `isSignedBy(crl, spki)` does. Delta
 * CRLs, indirect CRLs and those for some kinds of certificate or reason only are refused, since they must not be taken
 * for the whole truth; any critical extension that is not known here is, too.
 * @throws KysoError document — malformed or not of this kind
 */
export function readCrl(der: Uint8Array): Crl {
  const crl = openCrl(der);
  for (const _ of crlEntries(crl)); // each is read once, so that none is found malformed later
  return crl;
}

/** The same, except that nothing is said of the entries: for who reads all of them by `crlEntries` himself, in his time. */
export function openCrl(der: Uint8Array): Crl {
  const reader = readDer(der, what);
  const signed = readSigned(reader);
  reader.end();

  const fields = readDer(signed.tbs, what);
  if (fields.small() !== 1 || !fields.element(tags.sequence).raw.equals(signed.algorithm)) throw fields.malformed();
  const issuer = fields.element(tags.sequence).raw;
  const [thisUpdate, nextUpdate] = [fields.time(), fields.time()];
  const entries = fields.optional(tags.sequence)?.content ?? Buffer.alloc(0);
  const wrapped = fields.enter(tags.explicit0);
  fields.end();
  const extensions = readExtensions(wrapped.enter(), [crlExtensions.issuingDistributionPoint]);
  wrapped.end();

  const number = extensionValue(extensions, crlExtensions.crlNumber)?.integer(20);
  if (number === undefined || number.readUInt8(0) >= 0x80 || nextUpdate <= thisUpdate) throw fields.malformed();
  return {
    ...signed,
    issuer,
    thisUpdate,
    nextUpdate,
    number: BigInt(`0x${number.toString('hex')}`),
    distributionPoint: readPoint(extensionValue(extensions, crlExtensions.issuingDistributionPoint)),
    entries,
  };
}

/** The entries of a CRL, one after the other. */
export function* crlEntries({ entries }: Pick<Crl, 'entries'>): Generator<CrlEntry> {
  const list = new DerReader(entries, what);
  while (list.follows()) {
    const fields = list.enter();
    const serialNumber = serialText(fields.integer(64));
    const revokedAt = fields.time();
    const extensions = fields.follows(tags.sequence) ? readExtensions(fields.enter(), []) : [];
    fields.end();
    const code = extensionValue(extensions, crlExtensions.reasonCode);
    const reason = code ? crlReasonOf(code.small(tags.enumerated)) : 'unspecified';
    if (reason === undefined) throw fields.malformed();
    yield { serialNumber, revokedAt, reason };
  }
}

function extensionValue(extensions: Extension[], oid: string): DerReader | undefined {
  const found = extensions.find((candidate) => candidate.oid === oid);
  return found && new DerReader(found.value, what);
}

/** The one address of an IssuingDistributionPoint that says nothing else. */
function readPoint(value: DerReader | undefined): string | undefined {
  if (!value) return undefined;
  const fields = value.enter();
  value.end();
  const name = fields.enter(tags.explicit0);
  fields.end();
  const full = name.enter(tags.explicit0);
  name.end();
  const url = full.element(tags.uri).content.toString('latin1');
  full.end();
  return url;
}
