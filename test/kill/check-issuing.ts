import { bag, groupBy } from './bags.ts';
import { entriesOf } from './check-log.ts';
import type { Facts } from './facts.ts';

/**
 * No orphans: everything that was begun is carried to its end by the process that was started again, and ca, signer and
 * the issuance log tell of the same credentials.
 */
export function checkIssuing({ history, signer, ca }: Facts): string[] {
  const findings: string[] = [];
  const keys = new Map(signer.keys.map((key) => [key.credential, key]));
  const held = new Map(signer.credentials.map((credential) => [credential.id, credential]));
  const known = new Map(ca.credentials.map((credential) => [credential.id, credential]));
  const issued = groupBy(
    ca.certificates.filter(({ status }) => status === 'issued'),
    ({ credential }) => credential,
  );
  const orders = new Set(ca.orders);

  for (const { lineHash, credential, status, keyOrder, certificate } of ca.lines) {
    if (status !== 'active') findings.push(`ca left line ${lineHash} as ${status}`);
    if (keyOrder === null || !orders.has(keyOrder))
      findings.push(`line ${lineHash} has no order ${keyOrder} for its key`);
    if (known.get(credential)?.certificate !== certificate) findings.push(`line ${lineHash} is not its credential’s`);
  }
  for (const { id, status } of ca.credentials) {
    if (status !== 'active') findings.push(`ca left credential ${id} as ${status}`);
    if (issued.get(id)?.length !== 1) findings.push(`credential ${id} has ${issued.get(id)?.length ?? 0} certificates`);
    const key = keys.get(id);
    if (!key) findings.push(`credential ${id} has no key`);
    else if (held.get(id)?.certificateSpki !== key.spki)
      findings.push(`credential ${id} holds no certificate of its key`);
  }
  for (const { credential, id } of signer.keys)
    if (!known.has(credential)) findings.push(`key ${id} is for a credential that ca does not know`);
  for (const { serialNumber, credential, status } of ca.certificates) {
    if (status === 'intended') findings.push(`certificate ${serialNumber} was intended and never issued`);
    if (!known.has(credential)) findings.push(`certificate ${serialNumber} is for no credential`);
  }
  for (const { credential } of history.issued)
    if (!known.has(credential)) findings.push(`credential ${credential} was answered and is not there`);
  return [...findings, ...checkIssuanceLog(ca)];
}

/** Each certificate has its intent in the log, and one end that is its row's. */
function checkIssuanceLog(ca: Facts['ca']): string[] {
  const entries = entriesOf(ca).filter(({ event }) => event === 'certificate.issue');
  const logged = groupBy(entries, (entry) => serialOf(entry));
  const ends: Record<string, string> = { issued: 'done', discarded: 'failed' };
  return ca.certificates
    .filter(({ status }) => status in ends)
    .filter(({ serialNumber, status }) => {
      const results = bag((logged.get(serialNumber) ?? []).map(({ result }) => result));
      return results.size !== 2 || results.get('intended') !== 1 || results.get(ends[status]!) !== 1;
    })
    .map(({ serialNumber, status }) => `certificate ${serialNumber} is ${status}, and the log does not say so`);
}

const serialOf = (entry: object) => (entry as { detail?: { serialNumber?: string } }).detail?.serialNumber;
