import { wipe } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { type KeyTypeName, type SignScheme, signAlgosOf } from '../crypto/algorithms.ts';
import { type Capabilities, opens, servedAlgos, serves } from './capabilities.ts';
import { createCrew } from './crew.ts';
import { createResidentKeys, destroyResidentKey } from './init.ts';
import type { BackupKey, MadeKey, OperationName, Operations, ResidentKeySpec, Task, TokenAddress } from './protocol.ts';
import { slices } from './slices.ts';
import { startWorker } from './worker-process.ts';

/** `environment` is all that workers see of one (SOFTHSM2_CONF); `deadline`, in milliseconds, bounds each call. */
export type TokenConfig = TokenAddress & {
  environment: Record<string, string>;
  workers: number;
  deadline?: number;
};

export type TokenEvents = {
  /** The token refused the PIN. Called once; nothing is tried with that PIN again, and the token stays unavailable. */
  onPinRefused(): void;
  /** A worker did not start or was lost; it is being replaced. For the operator's log: `cause` may hold PKCS#11 text. */
  onTrouble?(error: unknown): void;
};

type Call<Name extends OperationName> = (request: Operations[Name]['request']) => Promise<Operations[Name]['answer']>;

/**
 * A token, as the rest of Kyso uses it. Calls throw KysoError `tokenUnavailable` (no worker, no answer in time: try
 * later), `integrity` (a blob, key or signature is not what it should be), `configuration` (a kind of key that this
 * token cannot make), `signAlgoInvalid` (a signature that it cannot make), `keyUnusable` (a key that it cannot use: see
 * `opens`) or `internal`.
 */
export type Token = {
  /**
   * Makes a subscriber's key pair, which exists unwrapped only in the token and only during the call. A token that
   * cannot wrap keeps it, under `name`, and answers the mechanism "resident".
   */
  generateKeyPair: Call<'generateKeyPair'>;
  /** Signs with a subscriber's key. Answers in the order of `digests`, in wire form, each verified with `spki`. */
  sign: Call<'sign'>;
  /** Signs with a key that stays in the token. Answers as `sign` does. */
  signResident: Call<'signResident'>;
  /** Passes a wrapped key from one KEK to another; the new blob was proved by a signature. */
  rewrap: Call<'rewrap'>;
  /** HMAC-SHA-256 of `data` (not empty) under a key that stays in the token, 32 bytes. */
  hmac: Call<'hmac'>;
  /** The names of the subscribers' keys that the token keeps. */
  residentKeys: Call<'residentKeys'>;
  /** Destroys the subscriber's key that the token keeps under this name; false: there was none. */
  destroyResident: Call<'destroyResident'>;
  /** The public key of a signing key that stays in the token. */
  publicKey: Call<'publicKey'>;
  /**
   * Makes a key that stays in the token; with `backup` its secret is answered, too, sealed to that.
   * @throws KysoError configuration — the label is taken, or the token takes no keys that can be backed up
   */
  createKey(key: ResidentKeySpec, backup?: BackupKey): Promise<MadeKey>;
  /** Destroys a secret key of the token for good; one that is gone already is no error. */
  destroyKey(label: string): Promise<void>;
  /**
   * The `signAlgo` OIDs that this token can serve with a key of this type, preferred first (`key.algo`): as the worker
   * that started last found, and all of the table before the first is up.
   */
  signAlgos(keyType: KeyTypeName): string[];
  /** Whether subscribers' keys that it makes stay in it, since it cannot wrap. */
  keeps(): boolean;
  /** Whether this token can use keys of this type that are kept in this way, a wrapping mechanism or "resident". */
  opens(keyType: KeyTypeName, mechanism: string): boolean;
  /** Whether this token can sign in this way with a key of this type: not every one takes every PSS parameter. */
  serves(keyType: KeyTypeName, scheme: SignScheme): boolean;
  /** `ready`: signatures can be made now. `workers`: how many workers can make them. */
  status(): { ready: boolean; workers: number };
  /** Ends all workers. Calls under way fail with tokenUnavailable. */
  stop(): Promise<void>;
};

const defaultDeadline = 30_000;
/**
 * Milliseconds for one call of a signing worker, or a task of many quick ones: a call that hangs is found while its
 * job still has time for another worker, and a token that hung serves again within ten seconds (S51, S52).
 */
const longestCall = 8000;

/**
 * Starts the workers of a token, one after another: two logins at the same time fail on SoftHSM 2.6.1. Resolves when
 * the first start of each is decided, also when none came up (`status()` tells; it is tried again and again). The
 * worker for key generation starts at its first use. Keeps `pin` for replacements and wipes it at the end.
 */
export async function startToken(config: TokenConfig, pin: Buffer, events: TokenEvents): Promise<Token> {
  const { workers, deadline = defaultDeadline, ...workerConfig } = config;
  let lastStart: Promise<unknown> = Promise.resolve();
  let capabilities: Capabilities | undefined;
  let closed = false;

  const crewOptions = { deadline, report: (error: unknown) => events.onTrouble?.(error) };
  const startSigner = () => startInTurn(Math.min(deadline, longestCall));
  const signers = createCrew({ ...crewOptions, seats: workers, start: startSigner });
  const generator = createCrew({ ...crewOptions, seats: 1, start: () => startInTurn(deadline) });
  let generatorBegun: Promise<void> | undefined;

  /** Whoever logs in waits for whoever did before. */
  function inTurn<R>(work: () => Promise<R>): Promise<R> {
    const done = lastStart.then(() => {
      if (closed) throw new KysoError('tokenUnavailable', 'the token is closed');
      return work();
    });
    lastStart = done.catch(() => {});
    return done;
  }

  function startInTurn(taskDeadline: number) {
    return inTurn(async () => {
      try {
        const started = await startWorker({ ...workerConfig, pin, deadline: taskDeadline });
        capabilities = started.capabilities;
        return started.worker;
      } catch (error) {
        if (error instanceof KysoError && error.kind === 'tokenPinRefused') refusePin();
        throw error;
      }
    });
  }

  /** For the process that makes and destroys keys, which wipes the PIN it is given. */
  const access = () => ({ ...workerConfig, pin: Buffer.from(pin) });

  function refusePin(): void {
    events.onPinRefused();
    void stop();
  }

  async function stop(): Promise<void> {
    closed = true;
    wipe(pin);
    await Promise.all([signers.stop(), generator.stop()]);
  }

  // The casts below: that a request and its answer belong to one operation is what `Operations` says and a worker does.
  async function one<Name extends OperationName>(name: Name, request: Operations[Name]['request']) {
    const [answer] = await signers.perform([{ operation: name, request } as Task]);
    return answer as Operations[Name]['answer'];
  }

  async function sliced(name: 'sign' | 'signResident', request: Operations['sign' | 'signResident']['request']) {
    const tasks = slices(request.keyType, request.digests, signers.isBusy()).map(
      (digests) => ({ operation: name, request: { ...request, digests } }) as Task,
    );
    return ((await signers.perform(tasks)) as Buffer[][]).flat();
  }

  await signers.begin();
  return {
    async generateKeyPair(request) {
      generatorBegun ??= generator.begin();
      await generatorBegun;
      const [key] = await generator.perform([{ operation: 'generateKeyPair', request }]);
      return key as Operations['generateKeyPair']['answer'];
    },
    sign: (request) => sliced('sign', request),
    signResident: (request) => sliced('signResident', request),
    hmac: (request) => one('hmac', request),
    rewrap: (request) => one('rewrap', request),
    createKey: (key, backup) =>
      inTurn(async () => {
        const [made] = await createResidentKeys({ ...access(), keys: [key], ...(backup && { backup }) });
        return made ?? {};
      }),
    destroyKey: (key) => inTurn(() => destroyResidentKey({ ...access(), key })),
    residentKeys: (request) => one('residentKeys', request),
    destroyResident: (request) => one('destroyResident', request),
    publicKey: (request) => one('publicKey', request),
    signAlgos: (keyType) => (capabilities ? servedAlgos(capabilities, keyType) : signAlgosOf(keyType)),
    keeps: () => capabilities?.custody === 'resident',
    opens: (keyType, mechanism) => capabilities === undefined || opens(capabilities, keyType, mechanism),
    serves: (keyType, scheme) => capabilities === undefined || serves(capabilities, keyType, scheme),
    status: () => ({ ready: signers.size() > 0, workers: signers.size() }),
    stop,
  };
}
