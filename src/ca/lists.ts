import canonicalize from 'canonicalize';
import { sha256 } from '../base/bytes.ts';
import { KysoError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Line } from '../ipc/line.ts';
import { type DetachedSignature, isDetachedBy, readDetachedSignature } from '../pki/cms-detached.ts';
import { readCertificate } from '../pki/read.ts';
import type { CaTx, OrderList, Organisation, OrganisationCertificate } from '../store/ca/tables.ts';
import { type Authority, record } from './context.ts';
import { hashOfLine, lineText } from './line.ts';
import { assertOrderable } from './line-rules.ts';
import { organisationOf } from './organisations.ts';

/** The bytes that an organisation signs: RFC 8785 JSON of its code and the ordered hashes of its lines (docs/ca-proofs.md). */
export function listStatement(organisation: string, lines: string[]): string {
  return canonicalize({ type: 'kyso.lines', organisation, lines }) as string;
}

/** A list whose organisation's signature was verified; only `verifyList` makes one. */
declare const verified: unique symbol;
export type VerifiedList = {
  readonly [verified]: true;
  id: string;
  organisation: Organisation;
  certificate: string;
  statement: string;
  signature: Buffer;
  lines: Line[];
};

/**
 * The first proof (design §5 a): a detached CMS signature over the statement of these lines, by a certificate that is
 * enrolled for the organisation and valid now. Refusals are logged.
 * @param signature DER
 * @throws KysoError signatureInvalid — by nobody who is enrolled, or over other lines; orderRefused — no such organisation
 */
export async function verifyList(
  authority: Authority,
  { organisation: code, lines, signature }: { organisation: string; lines: Line[]; signature: Buffer },
): Promise<VerifiedList> {
  const { rows, store } = authority;
  const organisation = await organisationOf(authority, code);
  const statement = listStatement(code, lines.map(hashOfLine));
  const id = sha256(statement).toString('hex');
  const enrolled = { organisation: organisation.id, status: 'enrolled' };
  const certificates = await rows.organisationCertificates.list(store.read, enrolled);
  const signer = signerAmong(certificates, statement, signature, authority.clock.now());
  if (!signer) {
    const detail = { why: 'signatureInvalid', list: id, organisation: organisation.id };
    await store.write((tx) => record(authority, tx, { event: 'list.accepted', result: 'refused', detail }));
    throw new KysoError(
      'signatureInvalid',
      'the signature is not one over exactly these lines by a certificate that is enrolled for the organisation and valid now',
    );
  }
  return { id, organisation, certificate: signer.fingerprint, statement, signature, lines } as VerifiedList;
}

/** Which of the certificates made the signature over the statement at this moment. */
export function signerAmong(
  certificates: OrganisationCertificate[],
  statement: string,
  signature: Buffer,
  at: number,
): OrganisationCertificate | undefined {
  const signed = readSignature(signature);
  const bytes = Buffer.from(statement);
  return signed && certificates.find((one) => countsAt(one, at) && isDetachedBy(signed, one.certificate, bytes));
}

function readSignature(signature: Buffer): DetachedSignature | undefined {
  try {
    return readDetachedSignature(signature);
  } catch (error) {
    if (error instanceof KysoError && error.kind === 'document') return undefined;
    throw error;
  }
}

function countsAt({ certificate, createdAt }: OrganisationCertificate, at: number): boolean {
  const { validFrom, validTo } = readCertificate(certificate);
  return createdAt <= at && validFrom.getTime() <= at && at <= validTo.getTime();
}

/**
 * Takes a verified list in, with its lines; the same list again gives the same row. Nothing is ordered yet.
 * @throws KysoError orderRefused, nameRefused — one of its lines cannot be carried out; none of them is taken
 * @throws KysoError signatureInvalid — its certificate was retired meanwhile
 */
export async function enterList(authority: Authority, tx: CaTx, list: VerifiedList): Promise<OrderList> {
  const { rows, clock } = authority;
  const { id, organisation, certificate, statement, signature, lines } = list;
  const known = await rows.orderLists.find(tx, { id });
  if (known) return known;
  // Whoever enters the same list at the same time waits here for whoever was first.
  const entered = await rows.orderLists.insertOnce(tx, {
    ...{ id, organisation: organisation.id, statement, signature, certificate, receivedAt: clock.now() },
  });
  if (!entered) return theList(await rows.orderLists.find(tx, { id }));
  const enrolled = await rows.organisationCertificates.hold(tx, { fingerprint: certificate, status: 'enrolled' });
  if (!enrolled) throw new KysoError('signatureInvalid', 'the certificate of the signature was retired');
  for (const line of lines) await enterLine(authority, tx, line, list);
  await record(authority, tx, {
    ...{ event: 'list.accepted', result: 'done' },
    ...{ hashes: lines.map(hashOfLine) },
    detail: { list: id, organisation: organisation.id, certificate, signature: sha256(signature).toString('hex') },
  });
  return entered;
}

function theList(found: OrderList | undefined): OrderList {
  if (!found) throw new KysoError('internal', 'a list is there, and cannot be found');
  return found;
}

async function enterLine(authority: Authority, tx: CaTx, line: Line, { id: list, organisation }: VerifiedList) {
  const { rows, clock } = authority;
  const lineHash = hashOfLine(line);
  if (await rows.lines.find(tx, { lineHash }))
    throw new KysoError('orderRefused', `line ${lineHash} came before: in another list, or twice in this one`);
  await assertOrderable(authority, tx, line, organisation.id);
  await rows.lines.insert(tx, {
    ...{ lineHash, credential: line.procedure === 'issue' ? newId() : line.credentialID },
    ...{ procedure: line.procedure, list, text: lineText(line), status: 'accepted' },
    ...{ keyVersion: 0, keyOrder: null, spki: null, attestation: null },
    ...{ certificate: null, certificateOrder: null, refusal: null, createdAt: clock.now() },
  });
}
