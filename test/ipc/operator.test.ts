import t from 'tap';
import { apiContract } from '../../src/ipc/api-contract.ts';
import { caContract } from '../../src/ipc/ca-contract.ts';
import type { Contract, Link } from '../../src/ipc/contract.ts';
import { notifyContract } from '../../src/ipc/notify-contract.ts';
import { signerContract } from '../../src/ipc/signer-contract.ts';

const asked = (contract: Contract, link: Link = 'operator') =>
  Object.entries(contract).flatMap(([name, { links }]) => (links.includes(link) ? [name] : []));

/**
 * What an operator may ask for, of all processes. What is certified takes an organisation's and two officers' word, too. A
 * person of a sandbox is made up; outside of it ca refuses that.
 */
const allowed = [
  ...['status', 'totpMove.attest', 'keys.rotate', 'keys.rotation', 'keys.retire', 'store.check', 'evidence'],
  ...['external.requests', 'external.import', 'external.trust'],
  ...['authority.certificates', 'sandbox.issue', 'client.list', 'client.set'],
  // A certificate's status, which signer obeys; it makes nothing usable that was not.
  ...['certificate.revoke', 'certificate.hold', 'certificate.release', 'certificate.list', 'crl.list'],
  // What stands in certificates, CRLs and the log is no secret, and a check changes none of it.
  ...['check.authorities', 'check.certificates', 'check.shards', 'check.log'],
  // Two persons confirm it outside of a sandbox, and nothing but an authority of ca's own comes of it.
  ...['authority.prepareRollover', 'authority.rollover'],
  ...['organisation.add', 'organisation.list', 'organisation.enrol', 'organisation.retire'],
  ...['officer.add', 'officer.list', 'officer.suspend', 'order.submit', 'order.approve', 'order.status'],
];

t.test('S16: an operator asks for nothing that signs, sets a PIN or shows a key', async (t) => {
  const all = [signerContract, caContract, apiContract, notifyContract].flatMap((contract) => asked(contract));
  t.same(
    all.filter((method) => !allowed.includes(method)),
    [],
    'what is new here is to be thought over, and then named above',
  );
  t.ok(all.length >= 8);
});

t.test('S2, S84: only api may have something signed, and only ca gives orders', async (t) => {
  const links = (method: keyof typeof signerContract) => signerContract[method].links;
  for (const method of ['credentials.authorize', 'signatures.signHash'] as const) t.same(links(method), ['api']);
  for (const method of ['feed.position', 'feed.push'] as const) t.same(links(method), ['ca']);
  const answers = ['ocsp.answer', 'ocsp.revision', 'timestamp.answer', 'timestamp.token'];
  const harmless = ['authority.certificate', 'authority.certificates', 'crl.get', 'status', ...answers];
  const others = asked(caContract, 'api').filter((method) => !harmless.includes(method));
  t.same(others, [], 'api cannot have ca sign anything but what ca says of a certificate’s status or of the time');
});
