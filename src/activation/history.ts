import type { LeafFields, LeafTime } from '../audit/leaf.ts';
import { KysoError } from '../base/errors.ts';
import type { Params, Result } from '../ipc/contract.ts';
import type { HistoryEntry, SignerContract } from '../ipc/signer-contract.ts';
import { leavesAbout, outcomesOf } from '../store/signer/history.ts';
import type { Signer } from './context.ts';

type LeafContent = LeafFields & LeafTime;
type Told = { entry: HistoryEntry; signing?: string | undefined };

/** Events that mean something to a holder, and the member of `detail` that says more. */
const told: Record<string, { detail?: string }> = {
  'subscriber.created': {},
  'activation.begun': { detail: 'kind' },
  'activation.completed': {},
  'key.made': { detail: 'keyType' },
  'certificate.installed': { detail: 'serial' },
  'certificate.good': { detail: 'reason' },
  'certificate.hold': { detail: 'reason' },
  'certificate.revoked': { detail: 'reason' },
  'key.ended': { detail: 'why' },
  'credential.blocked': { detail: 'reason' },
  'credential.unblocked': { detail: 'reason' },
  'otp.sent': {},
  authorize: {},
  extend: {},
  sign: {},
  'factor.pin': { detail: 'kind' },
  'factor.otp': { detail: 'kind' },
  'pin.changed': {},
  'password.changed': {},
  'account.frozen': {},
  'account.unfrozen': {},
  'totpMove.attested': { detail: 'attestedBy' },
  'totpMove.begun': {},
  'totpMove.confirmed': {},
  'totpMove.cancelled': {},
  'totpMove.finished': {},
};

/** Events whose actor is the application that asked. */
const byClient = ['authorize', 'extend', 'sign', 'otp.sent'];

const results: Record<string, HistoryEntry['result']> = { released: 'done', failed: 'failed', unknown: 'unknown' };

/** Leaves of one query, and the most that one call reads: most of somebody's may be of no meaning to people. */
const chunk = 200;
const mostRead = 1000;

/**
 * What happened to an account and its keys, newest first, from the log. A signing is one entry, at the time when it was
 * decided on, with how it ended. `before` in the answer: there may be more, behind that leaf.
 * @throws KysoError integrity — a leaf stands under a subscriber whom it is not about
 */
export async function history(
  signer: Signer,
  { subscriber, before, limit }: Params<SignerContract, 'account.history'>,
): Promise<Result<SignerContract, 'account.history'>> {
  const entries: Told[] = [];
  let last = before;
  for (let read = 0; read < mostRead; read += chunk) {
    const rows = await leavesAbout(signer.store.read, subscriber, last, chunk);
    for (const { id, position, leaf } of rows) {
      if (entries.length === limit) return page(signer, entries, last);
      const entry = entryOf(JSON.parse(leaf), position, subscriber);
      if (entry) entries.push(entry);
      last = id;
    }
    if (rows.length < chunk) return page(signer, entries);
  }
  return page(signer, entries, last);
}

async function page({ store }: Signer, found: Told[], before?: string) {
  const signings = found.flatMap(({ signing }) => signing ?? []);
  const outcomes = await outcomesOf(store.read, signings);
  const entries = found.map(({ entry, signing }) => {
    const outcome = outcomes.get(signing ?? '');
    return outcome ? { ...entry, result: results[outcome] ?? entry.result } : entry;
  });
  return { entries, ...(before !== undefined && { before }) };
}

/** The entry for a leaf, or undefined for one that a holder has no use for. */
function entryOf(leaf: LeafContent, position: number | null, subscriber: string): Told | undefined {
  // The column beside the leaf only finds it; what it is about stands in the leaf itself.
  if (leaf.subscriber !== subscriber) throw new KysoError('integrity', 'a leaf stands under another subscriber');
  const { event, result, at, actor, credential, signing, hashes, detail } = leaf;
  const known = told[event];
  // How a signing ended is told with its beginning. Counted refusals are for the operator: factors have their own.
  const counted = detail?.count !== undefined;
  if (!known || counted || (event === 'sign' && result !== 'intended')) return undefined;
  const more = known.detail === undefined ? undefined : detail?.[known.detail];
  const entry: HistoryEntry = {
    ...{ at, event, result },
    ...(position !== null && { position }),
    ...(credential !== undefined && { credentialID: credential }),
    ...(byClient.includes(event) && { client: actor }),
    ...(hashes !== undefined && {
      signatures: hashes.length + Number(event === 'authorize' ? (detail?.open ?? 0) : 0),
    }),
    ...(more !== undefined && { detail: String(more) }),
  };
  return { entry, signing };
}
