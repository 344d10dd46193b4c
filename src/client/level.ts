import { KysoError } from '../base/errors.ts';

/** The baseline levels of PAdES (EN 319 142-1 §6), each with all of the one before. */
export const signatureLevels = ['B-B', 'B-T', 'B-LT'] as const;

/**
 * B-B: signature and certificates. B-T: and a timestamp, which proves that the signature was there by then. B-LT: and
 * what shows that the certificates were good at that time, so that the document needs nobody's answer later.
 */
export type SignatureLevel = (typeof signatureLevels)[number];

const fixes = {
  timestamp:
    "Try again later, name another time-stamping service (--tsa URL; in the kit: timestamp), or choose level 'B-B' (--level B-B).",
  status: "Try again later, or choose level 'B-T' or 'B-B' (--level B-T).",
};

/**
 * Something that a level above B-B needs cannot be had: there is no signed document then, never one of a lower level.
 * `missing` says what.
 */
export class LevelError extends KysoError {
  readonly missing: keyof typeof fixes;

  constructor(missing: keyof typeof fixes, message: string, options?: { cause?: unknown }) {
    super('unavailable', `${message} ${fixes[missing]}`, options);
    this.missing = missing;
  }
}
