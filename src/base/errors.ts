/**
 * Every refusal that Kyso knows by name. The kind is what the code decides on and what the log keeps;
 * the text a caller sees comes from the table of the API that answers (CSC: `http/csc/errors.ts`).
 */
export const errorKinds = [
  // who asks
  'accessTokenInvalid',
  'accessTokenExpired',
  'loginInvalid',
  'refreshInvalid',
  'tokenUnknown',
  'activationInvalid',
  'clientSuspended',
  // what is asked for
  'requestInvalid',
  'credentialUnknown',
  'credentialDisabled',
  'certificateExpired',
  'certificateStatus',
  'numSignaturesInvalid',
  'numSignaturesTooHigh',
  'digestLength',
  'hashAlgoInvalid',
  'signAlgoInvalid',
  'signAlgoParamsInvalid',
  'pageTokenInvalid',
  // the factors
  'pinInvalid',
  'pinLocked',
  'pinRefused',
  'passwordRefused',
  'otpInvalid',
  'otpLocked',
  'otpNotOnline',
  'tooManyRequests',
  'moveNotAllowed',
  // the authorization
  'sadInvalid',
  'sadExpired',
  'hashNotAuthorized',
  // a request that comes again
  'idempotencyKeyInvalid',
  'idempotencyKeyReused',
  'requestRunning',
  // issuing
  'orderRefused',
  'attestationInvalid',
  'keyReused',
  'signatureInvalid',
  'approvalMissing',
  'lineChanged',
  'officerInvalid',
  'officerLocked',
  'nameRefused',
  'lintRefused',
  'issuerUnknown',
  // the machine room
  'unavailable',
  'busy',
  'tokenUnavailable',
  'tokenPinRefused',
  'keyUnusable',
  'feedStale',
  'clockUntrusted',
  'integrity',
  'configuration',
  'document',
  'internal',
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/**
 * A refusal or failure with a name. `message` and `cause` are for the log and the operator only; they never hold a
 * secret, and no API sends them to a caller (the CLI prints `message`).
 */
export class KysoError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message?: string, options?: { cause?: unknown }) {
    super(message ?? kind, options);
    this.name = 'KysoError';
    this.kind = kind;
  }
}

/** The kind of any thrown value; what nobody named is `internal`. */
export function kindOf(error: unknown): ErrorKind {
  return error instanceof KysoError ? error.kind : 'internal';
}

/** The first code among an error and its causes, such as that of a network error which fetch wraps; else ''. */
export function codeIn(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return 'code' in error ? String(error.code) : codeIn(error.cause);
}
