import type { caOrdersContract } from '../ipc/ca-orders-contract.ts';
import type { Handlers } from '../ipc/contract.ts';
import { readCertificate } from '../pki/read.ts';
import { approveList } from './approvals.ts';
import { atLast } from './at-last.ts';
import type { Authority } from './context.ts';
import { enterList, verifyList } from './lists.ts';
import { type CheckedOfficer, checkOfficer, type OfficerFactors } from './officer-factors.ts';
import { addOfficer, suspendOfficer } from './officers.ts';
import { addOrganisation, enrolCertificate, retire } from './organisations.ts';
import { hashesOf } from './proofs.ts';

/**
 * What an operator asks of ca about organisations, officers and lists.
 * @param carryOut begins to carry out a line that was ordered
 */
export function orderHandlers(
  authority: Authority,
  carryOut: (lineHash: string) => void,
): Handlers<typeof caOrdersContract> {
  const { rows, store } = authority;
  return {
    'organisation.add': async ({ by, ...organisation }) => {
      await addOrganisation(authority, organisation, await checkAll(authority, by));
      return {};
    },
    'organisation.list': () => listOrganisations(authority),
    'organisation.enrol': async ({ code, certificate, by }) => {
      const der = Buffer.from(certificate, 'base64');
      const fingerprint = await enrolCertificate(authority, { code, certificate: der }, await checkAll(authority, by));
      return { fingerprint };
    },
    'organisation.retire': async (what) => {
      await retire(authority, what);
      return {};
    },
    'officer.add': async ({ by, ...officer }) => addOfficer(authority, officer, await checkAll(authority, by)),
    'officer.list': async () => ({
      officers: (await rows.officers.list(store.read, {})).map(({ user, name, role, status, lockedUntil }) => ({
        ...{ user, name, role, status, lockedUntil },
      })),
    }),
    'officer.suspend': async ({ user }) => {
      await suspendOfficer(authority, user);
      return {};
    },
    'order.submit': async ({ organisation, lines, signature }) => {
      const list = await verifyList(authority, { organisation, lines, signature: Buffer.from(signature, 'base64') });
      const { id } = await atLast(() => store.write((tx) => enterList(authority, tx, list)));
      return { list: id };
    },
    'order.approve': async ({ list, lines: seen, act, officer }) => {
      const checked = await checkOfficer(authority, officer);
      await atLast(() => store.write((tx) => approveList(authority, tx, { list, seen, act }, checked)));
      for (const lineHash of act === 'approve' ? seen : []) carryOut(lineHash);
      return {};
    },
    'order.status': ({ list }) => statusOf(authority, list),
  };
}

/** One after the other: the same officer twice is noticed by the code that counts once. */
async function checkAll(authority: Authority, by: OfficerFactors[]): Promise<CheckedOfficer[]> {
  const checked: CheckedOfficer[] = [];
  for (const factors of by) checked.push(await checkOfficer(authority, factors));
  return checked;
}

async function listOrganisations({ rows, store }: Authority) {
  const organisations = await rows.organisations.list(store.read, {});
  const certificates = await rows.organisationCertificates.list(store.read, {});
  return {
    organisations: organisations.map(({ id, code, name, status }) => ({
      ...{ code, name, status },
      certificates: certificates
        .filter(({ organisation }) => organisation === id)
        .map(({ fingerprint, status, certificate }) => ({
          ...{ fingerprint, status },
          notAfter: readCertificate(certificate).validTo.getTime(),
        })),
    })),
  };
}

async function statusOf({ rows, store }: Authority, id: string) {
  const list = await rows.orderLists.find(store.read, { id });
  const approvals = await rows.approvals.list(store.read, { list: id });
  const officers = await rows.officers.list(store.read, {});
  const lines = await rows.lines.list(store.read, { list: id });
  const order = list ? hashesOf(list) : [];
  return {
    approvals: approvals.map(({ act, officer, at }) => ({
      ...{ act, at },
      user: officers.find((one) => one.id === officer)?.user ?? officer,
    })),
    lines: lines
      .sort((a, b) => order.indexOf(a.lineHash) - order.indexOf(b.lineHash))
      .map(({ lineHash, procedure, status, credential, certificate, refusal }) => ({
        ...{ lineHash, procedure, status, credentialID: credential },
        ...(certificate !== null && { certificate }),
        ...(refusal !== null && { refusal }),
      })),
  };
}
