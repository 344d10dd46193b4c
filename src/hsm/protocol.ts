import type { ErrorKind } from '../base/errors.ts';
import type { DigestName, KeyTypeName, SignScheme } from '../crypto/algorithms.ts';
import type { Capabilities, Custody } from './capabilities.ts';

/**
 * A fresh subscriber key: `wrapped` under the KEK by `mechanism`, `spki` its SubjectPublicKeyInfo in DER. Where
 * `mechanism` is "resident", the key stays in the token, and `wrapped` is the CKA_ID that finds it there: 256 random bits.
 * `request`: the PKCS#10 request (DER) that it signed, where a subject was given.
 */
export type GeneratedKey = { wrapped: Buffer; mechanism: Custody; spki: Buffer; request?: Buffer };

/** What is signed with which kind of key: each of `digests` has the length of its algorithm. */
type Signing = { keyType: KeyTypeName; spki: Buffer; digests: Buffer[] };

/** Signing with a subscriber key as `GeneratedKey` has it; `kek` is the label of the key that wrapped it. */
export type SignJob = { kek: string; wrapped: Buffer; mechanism: string } & Signing & SignScheme;

/** Signing with a key that stays in the token, found by its label: PKCS#1 v1.5 or ECDSA. */
export type SignResidentJob = { label: string; digest: DigestName } & Signing;

/** A subscriber key on its way from one KEK to another, both named by their labels. */
export type RewrapJob = { from: string; to: string } & Pick<SignJob, 'keyType' | 'spki' | 'wrapped' | 'mechanism'>;

/** Everything a token worker does: what it is asked, and what it answers. Signatures are in wire form and verified. */
export type Operations = {
  /**
   * `name` is what a key that stays in the token is listed and destroyed by, random by default; it is no secret. With
   * `subject` (Name, DER) the key signs a PKCS#10 request.
   */
  generateKeyPair: {
    request: { keyType: KeyTypeName; kek: string; name?: string; subject?: Buffer };
    answer: GeneratedKey;
  };
  sign: { request: SignJob; answer: Buffer[] };
  signResident: { request: SignResidentJob; answer: Buffer[] };
  rewrap: { request: RewrapJob; answer: Pick<GeneratedKey, 'wrapped' | 'mechanism'> };
  hmac: { request: { label: string; data: Buffer }; answer: Buffer };
  /** The names of the subscribers' keys that stay in the token. */
  residentKeys: { request: Record<string, never>; answer: string[] };
  /** Destroys the one of this name. True: it was there. */
  destroyResident: { request: { name: string }; answer: boolean };
  publicKey: { request: { label: string }; answer: { keyType: KeyTypeName; spki: Buffer } };
  /** Touches the token, so that a lost one and an idle session are noticed before somebody needs them. */
  checkToken: { request: Record<string, never>; answer: true };
};

export type OperationName = keyof Operations;

/** One thing for a worker to do. A message to it has one or several, and its answer is a list. */
export type Task = {
  [Name in OperationName]: { operation: Name; request: Operations[Name]['request'] };
}[OperationName];

/**
 * How a process reaches its token: the library, the token's label, and what the library's C_Initialize wants to be told
 * in `pReserved`, which only NSS does.
 */
export type TokenAddress = { module: string; label: string; libraryParameters?: string };

/** Whether a task takes about a millisecond, so that several may travel together. */
export function isSmall({ operation, request }: Task): boolean {
  if (operation === 'sign' || operation === 'signResident') return request.digests.length === 1;
  return operation !== 'generateKeyPair';
}

/** The first message to a worker. The PIN comes this way because arguments and environment can be read by others. */
export type WorkerConfiguration = TokenAddress & { pin: Buffer };

/** A KysoError on its way between processes; `detail` (PKCS#11 text) ends up in `cause` only. */
export type Failure = { kind: ErrorKind; message: string; detail: string };

/** The first message from a worker to the pool. */
export type WorkerStart = { is: 'ready'; capabilities: Capabilities } | ({ is: 'lost' } & Failure);

/**
 * What a worker answers a task; it answers no further one of the same message after `lost`, when it ends itself: only a new process can heal. `worn`: it has grown, and asks
 * for a successor.
 */
export type WorkerMessage =
  | { is: 'done'; answer: Operations[OperationName]['answer']; worn?: boolean }
  | ({ is: 'failed' | 'lost' } & Failure);

/** A key that `createResidentKeys` makes: a wrapping key, an HMAC key or a signing key. */
export type ResidentKind = 'AES-256-KEK' | 'HMAC-SHA256' | KeyTypeName;
export type ResidentKeySpec = { label: string; kind: ResidentKind };

/** The public half of a backup, and the ceremony that it comes from: what is made from now on is sealed to it, too. */
export type BackupKey = { ceremony: string; publicKey: Buffer };

/** What a worker sends in the middle of a task now and then: it is slow, not hung. */
export const gettingOn = 'getting on';

/** What was made: `spki` (DER) of a signing key; `sealed` is the secret itself, for whoever has the backup's private half. */
export type MadeKey = { spki?: Buffer; sealed?: Buffer };

/** A key that a backup gives back. */
export type SealedKey = ResidentKeySpec & { sealed: Buffer };

/**
 * The one message to the process that prepares a token, and its answer; `made` in the order of `keys`. Without `backup`
 * the keys are generated in the token and exist nowhere else.
 */
export type InitRequest =
  | { step: 'initialiseToken'; module: string; label: string; pin: Buffer; soPin: Buffer }
  | ({ step: 'createKeys'; pin: Buffer; keys: ResidentKeySpec[]; backup?: BackupKey } & TokenAddress)
  | ({ step: 'restoreKeys'; pin: Buffer; keys: SealedKey[]; backup: RestoreKey } & TokenAddress)
  | ({ step: 'destroyKey'; pin: Buffer; key: string } & TokenAddress)
  | ({ step: 'describeToken'; pin: Buffer } & TokenAddress);
export type InitAnswer = { is: 'done'; made: MadeKey[]; described?: TokenDescription } | ({ is: 'failed' } & Failure);

/** How a token names itself, without padding. */
export type TokenDescription = { label: string; serial: string; manufacturer: string; model: string };

/** The private half of a backup. */
export type RestoreKey = { ceremony: string; privateKey: Buffer };
