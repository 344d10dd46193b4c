import t, { type Test } from 'tap';
import { carryOut, resumeLines } from '../../src/ca/carry-out.ts';
import { startFeed } from '../../src/ca/feed.ts';
import { resumeRevocations } from '../../src/ca/revoke.ts';
import { sandboxOrders } from '../../src/ca/sandbox.ts';
import type { Line } from '../../src/ipc/line.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { readCertificate } from '../../src/pki/read.ts';
import type { Credential } from '../../src/store/ca/tables.ts';
import { caToken, fakeSigner, line, newAuthority } from '../helpers/certification-authority.ts';
import { dying } from '../helpers/dying.ts';
import { fakeClock } from '../helpers/fake-clock.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';
import type { Stores } from '../helpers/stores.ts';

const token = await caToken(t);
const day = 86_400_000;

/** A ca with a signer, whose lines are carried out at once. */
async function world(t: Test, stores: Stores) {
  const signer = fakeSigner();
  const clock = fakeClock();
  const { authority, store } = await newAuthority(stores, token, signer, clock);
  const feed = startFeed({ authority, signer: signer.peer, onError: (error) => t.fail(String(error)) });
  t.teardown(() => feed.close());
  const close = () => feed.close();
  const order = sandboxOrders(authority);
  const certify = async (fields: Line) => {
    const { lineHash, credential } = await order(fields);
    await carryOut(authority, feed, lineHash);
    return (await authority.rows.credentials.find(store.read, { id: credential }))!;
  };
  const certificateOf = async (serialNumber: string) =>
    (await authority.rows.certificates.find(store.read, { serialNumber }))!;
  const present = ({ id, certificate }: Credential) => ({ credentialID: id, certificate: certificate! });
  return { signer, clock, authority, certify, certificateOf, present, close };
}

const kindsOf = (signer: ReturnType<typeof fakeSigner>) => signer.orders.map(({ kind }) => kind);

await rulesOnBothEngines(t, {
  'a renewal: the same key and subject, three years at most, once, and not in the last sixty days': async (
    t,
    stores,
  ) => {
    const { signer, clock, certify, certificateOf, present } = await world(t, stores);
    const first = await certify({ procedure: 'issue', ...line });
    const other = await certify({ procedure: 'issue', ...line, serial: 2 });
    const before = await certificateOf(first.certificate!);
    clock.advance(4 * 365 * day);
    const renewed = await certify({ procedure: 'renew', ...present(first) });
    const after = await certificateOf(renewed.certificate!);
    t.equal(renewed.id, first.id, 'credentialID stays');
    t.ok(after.spki.equals(before.spki) && after.subject === before.subject);
    const { validFrom, validTo } = readCertificate(after.certificate!);
    t.equal(validTo.getUTCFullYear() - validFrom.getUTCFullYear(), 3, 'Decree 68/2024 art. 9');
    t.equal(before.revocation, 'none');
    t.equal((await certificateOf(first.certificate!)).revocation, 'none', 'the one before runs out by itself');
    t.equal(kindsOf(signer).filter((kind) => kind === 'makeKey').length, 2, 'no other key than the two first ones');
    await t.rejects(certify({ procedure: 'renew', ...present(renewed) }), refused('orderRefused'), 'once only');
    const stale = certify({ procedure: 'change', ...present(first), subject: line.subject, email: 'x@y.vn' });
    await t.rejects(stale, refused('orderRefused'), 'a line about a certificate that was followed by another');

    clock.advance((await certificateOf(other.certificate!)).notAfter - clock.now() - 59 * day);
    await t.rejects(certify({ procedure: 'renew', ...present(other) }), refused('orderRefused'), '59 days are left');
  },

  'a change: the same key and end, another subject, and the certificate before is revoked': async (t, stores) => {
    const { signer, clock, authority, certify, certificateOf, present } = await world(t, stores);
    const first = await certify({ procedure: 'issue', ...line });
    clock.advance(365 * day);
    authority.profile = profiles.individualVgca;
    const subject = { ...line.subject, organisationalUnits: ['TRƯỜNG TIỂU HỌC HOA SEN'] };
    const changed = await certify({ procedure: 'change', ...present(first), subject, email: 'anh@songhong.vn' });
    const [before, after] = [await certificateOf(first.certificate!), await certificateOf(changed.certificate!)];
    t.ok(after.spki.equals(before.spki));
    t.equal(after.notAfter, before.notAfter, 'it prolongs nothing');
    t.match(
      readCertificate(after.certificate!).subjectDN,
      'emailAddress=anh@songhong.vn,CN=Nguyễn Thị Ánh,OU=TRƯỜNG TIỂU',
    );
    t.match(before, { revocation: 'revoked', reason: 'superseded' });
    t.match(after, { revocation: 'none', profile: 'individualVgca' }, 'a subject of its own: as is configured now');
    t.strictSame(
      kindsOf(signer),
      ['subscriber', 'makeKey', 'certificate', 'certificate'],
      'signer goes on with the key: it hears of no revocation',
    );
  },

  'a rekey: another key for the same credential': async (t, stores) => {
    const { signer, authority, certify, certificateOf, present } = await world(t, stores);
    const first = await certify({ procedure: 'issue', ...line });
    authority.profile = profiles.individualVgca;
    const rekeyed = await certify({ procedure: 'rekey', ...present(first) });
    const [before, after] = [await certificateOf(first.certificate!), await certificateOf(rekeyed.certificate!)];
    t.equal(rekeyed.id, first.id);
    t.notOk(after.spki.equals(before.spki));
    t.equal(after.subject, before.subject);
    t.equal(after.profile, 'individual', 'the same subject is shown in the same way, whatever is configured now');
    t.match(before, { revocation: 'revoked', reason: 'superseded' });
    t.match(rekeyed, { keyVersion: 2, status: 'active', line: null });
    const made = signer.orders.filter((order) => order.kind === 'makeKey');
    t.strictSame(
      made.map(({ keyVersion }) => keyVersion),
      [undefined, 2],
    );
  },

  'S74, S89: a kill at any write of a change or a rekey ends in one further certificate after the restart': async (
    t,
    stores,
  ) => {
    const { signer, authority, certify, certificateOf, present, close } = await world(t, stores);
    const changes = {
      change: (credential: Credential): Line => ({
        ...{ procedure: 'change', ...present(credential), subject: line.subject, email: 'anh@songhong.vn' },
      }),
      rekey: (credential: Credential): Line => ({ procedure: 'rekey', ...present(credential) }),
    };
    let serial = 0;
    let credentials: [string, Credential][] = [];
    for (const procedure of Object.keys(changes))
      for (let each = 0; each < 34; each += 1) {
        serial += 1;
        credentials.push([procedure, await certify({ procedure: 'issue', ...line, serial })]);
      }
    await close();
    for (const [procedure, further] of Object.entries(changes)) {
      let survived = false;
      for (let fatal = 1; !survived; fatal += 1) {
        for (const lost of [true, false]) {
          const next = credentials.findIndex(([of]) => of === procedure);
          const [[, credential]] = credentials.splice(next, 1) as [[string, Credential]];
          const fields = further(credential);
          const { authority: mortal, death } = dying(authority, fatal, lost);
          const feed = startFeed({ authority: mortal, signer: signer.peer, onError: () => {} });
          const attempt = sandboxOrders(mortal)(fields).then(({ lineHash }) => carryOut(mortal, feed, lineHash));
          const outcome = await Promise.race([death, attempt.catch(() => death)]);
          await feed.close();
          await attempt.catch(() => {});
          survived = outcome !== 'killed';

          const when = `${procedure} killed ${lost ? 'before' : 'after'} write ${fatal}`;
          const again = startFeed({ authority, signer: signer.peer, onError: (error) => t.fail(String(error)) });
          const failures: unknown[] = [];
          await resumeRevocations(authority);
          await resumeLines(authority, again, (error) => failures.push(error));
          const { lineHash } = await sandboxOrders(authority)(fields);
          await carryOut(authority, again, lineHash);
          await again.close();
          t.strictSame(failures, [], when);
          const { rows, store } = authority;
          const now = await rows.credentials.find(store.read, { id: credential.id });
          t.match(now, { status: 'active', line: null, keyVersion: procedure === 'rekey' ? 2 : 1 }, when);
          const all = await rows.certificates.list(store.read, { credential: credential.id });
          t.strictSame(
            all.map(({ status }) => status),
            ['issued', 'issued'],
            `${when}: one further certificate`,
          );
          t.match(await certificateOf(credential.certificate!), { revocation: 'revoked' }, when);
          t.match(await certificateOf(now!.certificate!), { revocation: 'none' }, when);
        }
      }
      credentials = credentials.filter(([of]) => of !== procedure);
    }
  },
});
