import { tags } from './der.ts';
import { type DerReader, readDer } from './der-reader.ts';

const what = 'a CMS SignedData with one signer, in DER';
const timeStampToken = '1.2.840.113549.1.9.16.2.14';

/**
 * The signature value of a CMS SignedData (DER), and the RFC 3161 token over it among the unsigned attributes, if there is
 * one (EN 319 122-1 §5.3). Nothing is verified.
 * @throws KysoError document — malformed, or more than one signer
 */
export function readSignatureTimestamp(cms: Uint8Array): { signature: Buffer; token: Buffer | undefined } {
  const info = readDer(cms, what);
  info.oid();
  const fields = info.enter(tags.explicit0).enter();
  for (const tag of [tags.integer, tags.set, tags.sequence]) fields.element(tag);
  for (const tag of [tags.explicit0, tags.explicit1]) fields.optional(tag);
  const [found] = fields.enter(tags.set).list(1, (list) => readSigner(list.enter()));
  if (!found) throw fields.malformed();
  return found;
}

function readSigner(signer: DerReader): { signature: Buffer; token: Buffer | undefined } {
  signer.element(tags.integer);
  signer.element();
  signer.element(tags.sequence);
  signer.optional(tags.explicit0);
  signer.element(tags.sequence);
  const signature = signer.element(tags.octetString).content;
  const unsigned = signer.enterOptional(tags.explicit1);
  const attributes = unsigned?.list(16, (list) => {
    const fields = list.enter();
    return { oid: fields.oid(), value: fields.enter(tags.set).element().raw };
  });
  return { signature, token: attributes?.find(({ oid }) => oid === timeStampToken)?.value };
}
