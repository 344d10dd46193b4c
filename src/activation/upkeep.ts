import { allOf } from '../base/all-of.ts';
import { sequenceLeaves } from '../store/log.ts';
import { deleteAuthorizations, endedBefore } from '../store/signer/authorizations.ts';
import { deleteKeys, expiredKeys } from '../store/signer/idempotency-keys.ts';
import type { SignerTx } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';
import { destroyEndedKeys, endExpiredKeys } from './end-key.ts';
import { refreshVersions } from './key-versions.ts';
import { recordRefusals } from './refusals.ts';
import { destroyRetired } from './rotation.ts';
import { rememberedFor } from './sad.ts';
import { raiseSetting } from './settings.ts';
import { sweep } from './sign.ts';
import { finishMoves } from './totp-move.ts';

/**
 * A signing that was begun longer ago does not run any more, in milliseconds: the token and the store answer in much
 * less. Should one do, it is not released.
 */
const longestSigning = 2 * 60_000;

/**
 * What has to happen by itself, called about once a second: the sealed DEK of an ended authorization is wiped, its rows
 * and kept answers are forgotten later, signings whose end was not recorded end as unknown, a new authenticator app takes
 * the place of the old one, keys whose certificates are over end, what is retired or ended is destroyed, time and refusals are recorded, and on PostgreSQL new log leaves get their positions. One
 * part that fails, such as a row that somebody tampered with, does not stop the others.
 * @throws the first failure, when everything was tried
 */
export async function upkeep(signer: Signer): Promise<void> {
  const now = signer.time.now();
  const { store } = signer;
  const wiped = wipeEnded(signer, now);
  try {
    await allOf([
      store.write((tx) => raiseSetting(signer, tx, 'lastInstant', now)),
      wiped,
      // Afterwards: a row that somebody tampered with is reported before it is gone.
      wiped.catch(() => {}).then(() => forget(signer, now)),
      signer.time.reportStep((milliseconds) => store.write((tx) => recordStep(signer, tx, milliseconds))),
      sweep(signer, now - longestSigning),
      recordRefusals(signer),
      finishMoves(signer),
      refreshVersions(signer).then(() => destroyRetired(signer)),
      endExpiredKeys(signer).finally(() => destroyEndedKeys(signer)),
    ]);
  } finally {
    // Last, so that what was just recorded gets its position, too.
    if (store.read.engine === 'postgresql') await placeLeaves(signer);
  }
}

async function wipeEnded(signer: Signer, now: number): Promise<void> {
  const { store } = signer;
  const ended = await endedBefore(store.read, now, true);
  await allOf(ended.map((id) => store.write((tx) => wipeDek(signer, tx, id))));
}

async function forget({ store }: Signer, now: number): Promise<void> {
  const forgotten = await endedBefore(store.read, now - rememberedFor, false);
  const keys = await expiredKeys(store.read, now);
  await allOf([
    forgotten.length > 0 && store.write((tx) => deleteAuthorizations(tx, forgotten)),
    keys.length > 0 && store.write((tx) => deleteKeys(tx, keys)),
  ]);
}

async function placeLeaves({ store }: Signer): Promise<void> {
  let placed = 1;
  while (placed > 0) placed = await sequenceLeaves(store);
}

async function wipeDek({ rows }: Signer, tx: SignerTx, id: string): Promise<void> {
  const row = await rows.authorizations.lock(tx, { id });
  if (row) await rows.authorizations.replace(tx, row, { sealedDek: null });
}

function recordStep(signer: Signer, tx: SignerTx, milliseconds: number): Promise<void> {
  return record(signer, tx, { event: 'clock.stepped', actor: 'signer', result: 'refused', detail: { milliseconds } });
}
