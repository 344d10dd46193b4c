import { KysoError } from '../base/errors.ts';
import type { Failure } from './protocol.ts';

/**
 * What helps after a PKCS#11 return value (PKCS#11 v2.40 §5.1).
 * - `pinRefused`: nothing; another try could lock the token
 * - `freshSession`: the session is spoiled, another one may do
 * - `newProcess`: the module or its handles are; only a new C_Initialize heals
 * - `none`: the request or the provider is at fault, and the next try would fail alike
 */
type Remedy = 'pinRefused' | 'freshSession' | 'newProcess' | 'none';

export const remedies: Record<Remedy, number[]> = {
  pinRefused: [
    0xa0, // CKR_PIN_INCORRECT
    0xa1, // CKR_PIN_INVALID
    0xa2, // CKR_PIN_LEN_RANGE
    0xa3, // CKR_PIN_EXPIRED
    0xa4, // CKR_PIN_LOCKED
  ],
  freshSession: [
    0x06, // CKR_FUNCTION_FAILED
    0x07, // CKR_ARGUMENTS_BAD
    0x50, // CKR_FUNCTION_CANCELED
    0x60, // CKR_KEY_HANDLE_INVALID
    0x82, // CKR_OBJECT_HANDLE_INVALID
    0x90, // CKR_OPERATION_ACTIVE
    0x91, // CKR_OPERATION_NOT_INITIALIZED
    0xb0, // CKR_SESSION_CLOSED
    0xb1, // CKR_SESSION_COUNT
    0xb3, // CKR_SESSION_HANDLE_INVALID
    0xf0, // CKR_UNWRAPPING_KEY_HANDLE_INVALID
    0x113, // CKR_WRAPPING_KEY_HANDLE_INVALID
    0x150, // CKR_BUFFER_TOO_SMALL
  ],
  none: [
    0x10, // CKR_ATTRIBUTE_READ_ONLY
    0x11, // CKR_ATTRIBUTE_SENSITIVE
    0x12, // CKR_ATTRIBUTE_TYPE_INVALID
    0x13, // CKR_ATTRIBUTE_VALUE_INVALID
    0x1b, // CKR_ACTION_PROHIBITED
    0x20, // CKR_DATA_INVALID
    0x21, // CKR_DATA_LEN_RANGE
    0x62, // CKR_KEY_SIZE_RANGE
    0x63, // CKR_KEY_TYPE_INCONSISTENT
    0x68, // CKR_KEY_FUNCTION_NOT_PERMITTED
    0x69, // CKR_KEY_NOT_WRAPPABLE
    0x6a, // CKR_KEY_UNEXTRACTABLE
    0x70, // CKR_MECHANISM_INVALID
    0x71, // CKR_MECHANISM_PARAM_INVALID
    0xd0, // CKR_TEMPLATE_INCOMPLETE
    0xd1, // CKR_TEMPLATE_INCONSISTENT
    0x110, // CKR_WRAPPED_KEY_INVALID
    0x112, // CKR_WRAPPED_KEY_LEN_RANGE
  ],
  // The default. Named for the reader: CKR_GENERAL_ERROR, CKR_HOST_MEMORY, CKR_SLOT_ID_INVALID, CKR_DEVICE_ERROR,
  // CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN, CKR_CRYPTOKI_NOT_INITIALIZED.
  newProcess: [0x05, 0x02, 0x03, 0x30, 0x31, 0x32, 0xe0, 0x101, 0x190],
};

export const CKR_GENERAL_ERROR = 0x05;
export const CKR_USER_ALREADY_LOGGED_IN = 0x100;

/**
 * The CKR number of an error of pkcs11js, which comes with `.code` or as a plain Error "CKR_…:16", sometimes under a
 * wrong name ("CKR_VENDOR_DEFINED:27" is CKR_ACTION_PROHIBITED): only the number counts. Undefined for other errors.
 */
export function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'number' && error.message.startsWith('CKR_')) return error.code;
  const number = /\bCKR_\w+:(\d+)/.exec(error.message)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** What helps after `error`. An error that is not the token's own is a defect of ours, and nothing does. */
export function remedyFor(error: unknown): Remedy {
  if (error instanceof KysoError) return error.kind === 'tokenUnavailable' ? 'newProcess' : 'none';
  const code = codeOf(error);
  if (code === undefined) return 'none';
  const found = (Object.keys(remedies) as Remedy[]).find((remedy) => remedies[remedy].includes(code));
  return found ?? 'newProcess';
}

/** `error` as it crosses to the pool: a KysoError as it is, anything else as the kind that its remedy stands for. */
export function toFailure(error: unknown): Failure {
  const cause = error instanceof KysoError ? error.cause : error;
  const detail =
    cause === undefined ? '' : cause instanceof Error ? `${cause.message} (${codeOf(cause)})` : String(cause);
  if (error instanceof KysoError) return { kind: error.kind, message: error.message, detail };
  const remedy = remedyFor(error);
  if (remedy === 'pinRefused') return { kind: 'tokenPinRefused', message: 'the token refused the PIN', detail };
  if (remedy === 'none') return { kind: 'internal', message: 'the token cannot do what it was asked', detail };
  return { kind: 'tokenUnavailable', message: 'the token does not answer: is its device or storage there?', detail };
}

/** The KysoError that a worker met, on the pool's side. */
export function fromFailure({ kind, message, detail }: Failure): KysoError {
  return new KysoError(kind, message, detail === '' ? undefined : { cause: detail });
}
