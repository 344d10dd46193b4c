import type { LeafFields } from '../audit/leaf.ts';
import { makeLeaf } from '../audit/leaf.ts';
import type { Clock } from '../base/clock.ts';
import type { ErrorKind } from '../base/errors.ts';
import type { Argon2Cost } from '../crypto/argon2.ts';
import type { RowMac } from '../crypto/row-mac.ts';
import type { Backup } from '../hsm/backup-file.ts';
import type { Token } from '../hsm/pool.ts';
import { appendLeaves } from '../store/log.ts';
import type { SignerRows } from '../store/signer/rows.ts';
import type { SignerStore, SignerTx } from '../store/signer/tables.ts';
import type { FeedState } from './feed-state.ts';
import type { TrustedTime } from './time.ts';
import type { KeyVersions, Versioned } from './versioned.ts';

/** Labels of the token objects of "kyso-signer". KEK and pepper have versions, of which these are the first (design §3). */
export const tokenLabels = {
  kek: 'kyso-kek-1',
  pepper: 'kyso-pepper-1',
  rowMac: 'kyso-row-mac',
  seeds: 'kyso-totp-seeds',
  attestation: 'kyso-attestation',
} as const;

/** What was refused to whom, and how often since the log was last told; by event, subscriber and kind. */
export type Refusals = Map<string, { event: string; subscriber: string; kind: ErrorKind; count: number }>;

/** How many codes by e-mail a credential may get: one in `pauseSeconds`, and `perQuarterHour` in 15 minutes. */
export type CodeLimits = { pauseSeconds: number; perQuarterHour: number };

/**
 * The digests that an authorization is for, in the order in which they were given; they never change. Which of them are
 * spent stands in the authorization's own row, one bit for each place, so that one conditional UPDATE decides.
 */
export type AuthorizedHashes = {
  digests: readonly Buffer[];
  /** The places of a digest (latin1): an authorization may name one several times. */
  places: ReadonlyMap<string, readonly number[]>;
  mac: Buffer;
};

/** Those of the authorizations that were used last, since a SAD for a thousand hashes may be used a thousand times. */
export type HashMemory = Map<string, AuthorizedHashes>;

/** What every part of the signature activation module works with. One per signer process. */
export type Signer = {
  store: SignerStore;
  rows: SignerRows;
  mac: RowMac;
  token: Token;
  time: TrustedTime;
  clock: Clock;
  feed: FeedState;
  /** This life of the store: a restored backup gets a new one, which voids every SAD (design §4). */
  epoch: string;
  /** When this life began, in epoch milliseconds; 0: it is the first. */
  epochStartedAt: number;
  /** Which of several signers on one store this is. */
  instance: string;
  /** Signings that this process is busy with: one that is pending and not here has lost whoever would end it. */
  running: Set<string>;
  attestationSpki: Buffer;
  hashes: HashMemory;
  /** The kinds of keys that the store has: see `usable-keys.ts`. */
  keyKinds: Set<string>;
  /** Refused requests that are not in the log yet. */
  refusals: Refusals;
  /** The digest of the message of ca's feed that was kept last as evidence. */
  evidence: { kept: string };
  /** What one guess of a PIN or of activation data costs, for vaults that are sealed from now on. */
  pinCost: Argon2Cost;
  codeLimits: CodeLimits;
  /** Seals what waits to be told to somebody; comes out of the token at start. */
  noticeKey: Buffer;
  /** Tables in which a row did not fit its MAC, since the start. */
  broken: Set<string>;
  /** The KEKs and peppers that there are. */
  versions: Record<Versioned, KeyVersions>;
  /** Keeps the backup of the token's secrets where it can be copied, whenever it has changed. */
  keepBackup: (backup: Backup) => void;
  /** Told what goes wrong outside a call. */
  onError: (error: unknown) => void;
  /** Tells the dispatch that there are new notices. */
  wakeNotices: () => void;
  /** How the way out to mail and SMS is. */
  notifyState: () => 'ok' | 'delayed' | 'away';
};

/** Writes one log entry in the transaction of the change that it records (S59). */
export async function record(signer: Signer, tx: SignerTx, ...entries: LeafFields[]): Promise<void> {
  const time = { at: signer.time.now(), monotonic: Math.round(signer.clock.monotonic()), epoch: signer.epoch };
  await appendLeaves(
    tx,
    entries.map((entry) => makeLeaf(entry, time)),
  );
}
