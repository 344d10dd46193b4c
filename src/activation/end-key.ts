import { allOf } from '../base/all-of.ts';
import { kindOf } from '../base/errors.ts';
import { deleteAuthorizations } from '../store/signer/authorizations.ts';
import { authorizationsWithDek, keysToDestroy, keysToEnd } from '../store/signer/keys.ts';
import type { Key, SignerTx } from '../store/signer/tables.ts';
import { record, type Signer } from './context.ts';

/** Why a key ended: its certificate was revoked or has expired, or a further key took its place. */
export type EndOfKey = 'revoked' | 'expired' | 'replaced';

/**
 * How long after the end of its last certificate a key is destroyed, in milliseconds. Nothing is signed in this time:
 * it is there so that a clock that runs ahead for some hours destroys nobody's key.
 */
export const keptAfterExpiry = 24 * 3_600_000;

/** How many keys one round of the upkeep ends, and destroys. */
const most = 200;

/**
 * Ends a key, in the transaction of the decision: its blob, its DEK and every copy of that under a SAD are overwritten
 * (design §3 step 6). What cannot be part of a transaction follows within a second, `destroyEndedKeys`. The caller has
 * locked the credential first and then the key. A key that has ended stays as it is.
 */
export async function endKey(signer: Signer, tx: SignerTx, key: Key, why: EndOfKey): Promise<void> {
  if (key.endedAt !== null) return;
  const endedAt = signer.time.now();
  const nothing = { sealedBlob: Buffer.alloc(0), sealedDek: Buffer.alloc(0) };
  await signer.rows.keys.replace(tx, key, { ...nothing, endedAt, endsAt: endedAt });
  // With another key in its place the SAD is good for nothing; else the certificate's status is what its holder is told.
  const useless = why === 'replaced' ? { remaining: 0, open: 0 } : {};
  for (const id of await authorizationsWithDek(tx, key)) {
    try {
      const row = await signer.rows.authorizations.lock(tx, { id });
      if (row) await signer.rows.authorizations.replace(tx, row, { sealedDek: null, ...useless });
    } catch (error) {
      // A row that somebody tampered with does not save the copy in it.
      if (kindOf(error) !== 'integrity') throw error;
      await deleteAuthorizations(tx, [id]);
    }
  }
  await recordKey(signer, tx, key, 'key.ended', { why });
}

/**
 * Part of the upkeep: keys whose last certificate is over for a day come to their end, unless time or feed are in doubt:
 * a renewed certificate may be on its way.
 */
export async function endExpiredKeys(signer: Signer): Promise<void> {
  const { store, rows } = signer;
  if (!signer.time.isTrusted() || !signer.feed.isFresh()) return;
  const now = signer.time.now();
  const ids = await keysToEnd(store.read, now, most);
  await allOf(
    ids.map(async (id) => {
      const found = await rows.keys.find(store.read, { id });
      if (!found) return;
      await store.write(async (tx) => {
        await rows.credentials.lock(tx, { id: found.credential });
        const key = await rows.keys.lock(tx, { id });
        if (key && key.endsAt !== null && key.endsAt <= now) await endKey(signer, tx, key, 'expired');
      });
    }),
  );
}

/**
 * Part of the upkeep: destroys in the token what it keeps of ended keys, empties the store's write-ahead log, in which
 * the overwritten bytes still stand, and says so in the log. What fails is tried again, also after a crash.
 */
export async function destroyEndedKeys(signer: Signer): Promise<void> {
  const { store } = signer;
  const ids = await keysToDestroy(store.read, signer.time.now(), most);
  if (ids.length === 0) return;
  await store.truncateLog();
  await allOf(ids.map((id) => destroyKey(signer, id)));
}

async function destroyKey(signer: Signer, id: string): Promise<void> {
  const { rows, store, token } = signer;
  const ended = await rows.keys.find(store.read, { id });
  if (ended?.mechanism === 'resident') await token.destroyResident({ name: id });
  await store.write(async (tx) => {
    const key = await rows.keys.lock(tx, { id });
    // Of several signers on one store the first one tells it.
    if (!key || key.endsAt === null) return;
    await rows.keys.replace(tx, key, { endsAt: null });
    await recordKey(signer, tx, key, 'key.destroyed', { custody: key.mechanism });
  });
}

function recordKey(signer: Signer, tx: SignerTx, key: Key, event: string, more: Record<string, string>): Promise<void> {
  const { id, subscriber, credential, keyVersion } = key;
  return record(signer, tx, {
    ...{ event, actor: 'signer', result: 'done', subscriber, credential },
    detail: { key: id, keyVersion, ...more },
  });
}
