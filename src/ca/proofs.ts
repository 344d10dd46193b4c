import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import type { CaTx, Line, OrderList } from '../store/ca/tables.ts';
import type { Authority } from './context.ts';
import { signerAmong } from './lists.ts';

/** The hashes that a list's statement names, in their order. */
export function hashesOf({ statement }: Pick<OrderList, 'statement'>): string[] {
  return JSON.parse(statement).lines;
}

/**
 * What an organisation and two officers said of a list, verified from what the store kept of it (design §5 a, b): asked
 * before its lines are ordered, and again for each line before a certificate is signed.
 * @throws KysoError signatureInvalid, approvalMissing — a proof lacks; `orderRefused` — no such list
 * @throws KysoError lineChanged — a line has other words than those that were signed and approved
 */
export async function assertProofs(authority: Authority, tx: CaTx, id: string): Promise<void> {
  const { rows } = authority;
  const list = await rows.orderLists.find(tx, { id });
  if (!list) throw new KysoError('orderRefused', 'there is no such list');
  if (sha256(list.statement).toString('hex') !== id) throw new KysoError('lineChanged', 'the list is another one');
  const certificate = await rows.organisationCertificates.find(tx, { fingerprint: list.certificate });
  const signer =
    certificate?.organisation === list.organisation &&
    signerAmong([certificate], list.statement, list.signature, list.receivedAt);
  if (!signer) throw new KysoError('signatureInvalid', 'the organisation’s signature is not good');
  await assertTwoOfficers(authority, tx, id);
}

async function assertTwoOfficers({ rows, mode }: Authority, tx: CaTx, list: string): Promise<void> {
  const given = await rows.approvals.list(tx, { list });
  const by = (act: string) => given.find((approval) => approval.act === act)?.officer;
  const [first, second] = [by('check'), by('approve')];
  if (first === undefined || second === undefined || first === second)
    throw new KysoError('approvalMissing', 'the approvals of two different officers are missing');
  for (const id of [first, second]) {
    const officer = await rows.officers.find(tx, { id });
    if (!officer || (officer.role === 'sandbox' && mode !== 'sandbox'))
      throw new KysoError('approvalMissing', 'an approval is of nobody who may give one here');
  }
}

/**
 * Right before its lines are ordered an organisation has to be there still, and the certificate that signed its list, too;
 * both stay so until the transaction ends. What is ordered by then is carried out, whatever is retired later.
 * @throws KysoError signatureInvalid — one of them was retired since the list came
 */
export async function holdSigner({ rows }: Authority, tx: CaTx, list: OrderList): Promise<void> {
  const organisation = await rows.organisations.hold(tx, { id: list.organisation, status: 'active' });
  const certificate = { fingerprint: list.certificate, status: 'enrolled' };
  if (!organisation || !(await rows.organisationCertificates.hold(tx, certificate)))
    throw new KysoError('signatureInvalid', 'the organisation or its certificate was retired: send the list again');
}

/**
 * `assertProofs` for one line of a list, and that its text is the one that was signed and approved.
 * @throws as `assertProofs`
 */
export async function assertLineProofs(authority: Authority, tx: CaTx, line: Line): Promise<void> {
  assertSameLine(line, await authority.rows.orderLists.find(tx, { id: line.list }));
  await assertProofs(authority, tx, line.list);
}

/** @throws KysoError lineChanged — the text of a line is not what its list was signed and approved for */
export function assertSameLine({ text, lineHash }: Line, list: OrderList | undefined): void {
  const same = sha256(text).toString('hex') === lineHash && list && hashesOf(list).includes(lineHash);
  if (!same) throw new KysoError('lineChanged', 'the line is not the one that was approved');
}
