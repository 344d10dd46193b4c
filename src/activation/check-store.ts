import { kindOf } from '../base/errors.ts';
import type { Params, Result } from '../ipc/contract.ts';
import { type SignerContract, sealedTableNames } from '../ipc/signer-contract.ts';
import type { SealedTable } from '../store/sealed-table.ts';
import type { Authorization } from '../store/signer/tables.ts';
import type { Signer } from './context.ts';
import { hashesOf } from './hashes.ts';

/**
 * Looks at some sealed rows of the store, and says which are not as Kyso wrote them: a part of the walk that `kyso
 * signer check` takes through all of it, in parts so that signing goes on.
 */
export async function checkStore(
  signer: Signer,
  { table, after, limit }: Params<SignerContract, 'store.check'>,
): Promise<Result<SignerContract, 'store.check'>> {
  const current = table ?? 'settings';
  const rows = signer.rows[current] as unknown as SealedTable<never>;
  const { good, bad, last } = await rows.walk(signer.store.read, after, limit);
  const checked = good.length + bad.length;
  if (current === 'authorizations') bad.push(...(await badHashes(signer, good as unknown as Authorization[])));
  if (bad.length > 0) signer.broken.add(current);
  const following = last === undefined ? sealedTableNames[sealedTableNames.indexOf(current) + 1] : current;
  const next = following && { table: following, ...(last !== undefined && { after: last }) };
  return { table: current, checked, bad, ...(next && { next }) };
}

/** Authorizations whose rows are good, and whose hashes are not. */
async function badHashes(signer: Signer, authorizations: Authorization[]): Promise<string[]> {
  const bad: string[] = [];
  for (const authorization of authorizations) {
    try {
      await hashesOf(signer, signer.store.read, authorization);
    } catch (error) {
      if (kindOf(error) !== 'integrity') throw error;
      // A spend may have come between the two reads.
      const now = await signer.rows.authorizations.find(signer.store.read, { id: authorization.id });
      if (now?.version === authorization.version) bad.push(authorization.id);
    }
  }
  return bad;
}
