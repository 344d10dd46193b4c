import { sequenceLeaves } from '../store/log.ts';
import { deleteAuthorizations, endedBefore } from '../store/signer/authorizations.ts';
import type { Signer } from './context.ts';
import { writeSetting } from './settings.ts';

/** How long an ended authorization is remembered, so that a late client is told "SAD expired", in milliseconds. */
const remembered = 10 * 60_000;

/**
 * What has to happen by itself, called about once a second: the sealed DEK of an ended authorization is wiped, its rows
 * are forgotten later, the time is persisted, and on PostgreSQL new log leaves get their positions.
 */
export async function upkeep(signer: Signer): Promise<void> {
  const now = signer.time.now();
  const { rows, store } = signer;
  const ended = await endedBefore(store.read, now, true);
  const forgotten = await endedBefore(store.read, now - remembered, false);
  await store.write(async (tx) => {
    for (const id of ended) {
      const row = await rows.authorizations.lock(tx, { id });
      if (row) await rows.authorizations.replace(tx, row, { sealedDek: null });
    }
    if (forgotten.length > 0) await deleteAuthorizations(tx, forgotten);
    await writeSetting(signer, tx, 'lastInstant', String(now));
  });
  if (store.read.engine === 'postgresql') await sequenceLeaves(store);
}
