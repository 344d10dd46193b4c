import type { Placement } from './placement.ts';

/** What a signature says about itself in the PDF; the instant is the signer's claim, not a timestamp. */
export type SignatureDetails = {
  signingTime: Date;
  reason?: string | undefined;
  location?: string | undefined;
  name?: string | undefined;
};

/** And what is seen of it: the name in the certificate, where none is given. */
export type ShownDetails = SignatureDetails & { holder?: string | undefined };

/**
 * Where a signature stands: in a new field, invisible or not (`true`: lower right on the first page), or in the empty
 * signature field of this name, which is visible where its author gave it a size.
 */
export type SignatureLook = { visible?: Placement | boolean | undefined; field?: string | undefined };
