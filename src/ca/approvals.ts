import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { CaTx } from '../store/ca/tables.ts';
import { type Authority, record } from './context.ts';
import { orderLine } from './lines.ts';
import { type CheckedOfficer, holdOfficer } from './officer-factors.ts';
import { assertProofs, assertSameLine, hashesOf, holdSigner } from './proofs.ts';

/** First somebody checks the list, then somebody else approves it. */
export type Act = 'check' | 'approve';

/**
 * The second proof (design §5 b): an officer's act over exactly the lines that he saw. With the second one the list's
 * lines are ordered, in the same transaction. The same act of the same officer again changes nothing.
 * @param seen the list's line hashes in their order, hex
 * @throws KysoError lineChanged — the list has other lines than those
 * @throws KysoError approvalMissing — it is not checked yet, or the officer checked it himself
 * @throws KysoError signatureInvalid — its organisation, or the certificate that signed it, was retired
 * @throws KysoError orderRefused — no such list, or another officer did this already
 */
export async function approveList(
  authority: Authority,
  tx: CaTx,
  { list: id, seen, act }: { list: string; seen: string[]; act: Act },
  checked: CheckedOfficer,
): Promise<void> {
  const { rows, clock } = authority;
  const officer = await holdOfficer(authority, tx, checked);
  const list = await rows.orderLists.lock(tx, { id });
  if (!list) throw new KysoError('orderRefused', 'there is no such list');
  const hashes = hashesOf(list);
  if (hashes.join() !== seen.join()) throw new KysoError('lineChanged', 'the list has other lines than those approved');
  const before = await rows.approvals.list(tx, { list: id });
  const done = before.find((one) => one.act === act);
  if (done?.officer === officer.id) return;
  if (done) throw new KysoError('orderRefused', `another officer did "${act}" for this list already`);
  const checkedBy = before.find((one) => one.act === 'check')?.officer;
  if (act === 'approve' && checkedBy === undefined)
    throw new KysoError('approvalMissing', 'the list has to be checked before it is approved');
  if (checkedBy === officer.id)
    throw new KysoError('approvalMissing', 'who checked a list cannot approve it: another officer has to');
  await rows.approvals.insert(tx, { id: newId(), list: id, officer: officer.id, act, at: clock.now() });
  await record(authority, tx, {
    ...{ event: `list.${act}`, result: 'done', hashes, detail: { list: id, officer: officer.id } },
  });
  if (act === 'check') return;
  await holdSigner(authority, tx, list);
  await assertProofs(authority, tx, id);
  for (const lineHash of hashes) {
    const line = await rows.lines.lock(tx, { lineHash, list: id, status: 'accepted' });
    if (!line) continue;
    assertSameLine(line, list);
    await orderLine(authority, tx, line, list.organisation);
  }
}
