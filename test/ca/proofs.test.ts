import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Authority } from '../../src/ca/context.ts';
import { issueCertificate } from '../../src/ca/issue.ts';
import { recordKey } from '../../src/ca/key.ts';
import { hashOfLine, lineText } from '../../src/ca/line.ts';
import { listStatement } from '../../src/ca/lists.ts';
import { retire } from '../../src/ca/organisations.ts';
import { openSandbox } from '../../src/ca/sandbox-organisation.ts';
import type { Line } from '../../src/ipc/line.ts';
import { certificatePem } from '../../src/pki/pem.ts';
import { eq } from '../../src/store/drizzle.ts';
import { attestationFor, caToken, fakeSigner, line, newAuthority } from '../helpers/certification-authority.ts';
import { fakeClock } from '../helpers/fake-clock.ts';
import { act, enrolled, organisationKey, players, submit } from '../helpers/proofs.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';

const token = await caToken(t);

const lines = (...serials: number[]): Line[] => serials.map((serial) => ({ procedure: 'issue', ...line, serial }));

const statusesOf = async ({ rows, store }: Authority) => (await rows.lines.list(store.read, {})).map((l) => l.status);

async function refusalsOf({ store }: Authority): Promise<string[]> {
  const leaves = await store.read.db.select().from(store.read.t.logLeaves);
  return leaves
    .map(({ leaf }) => JSON.parse(leaf))
    .filter(({ result }) => result === 'refused')
    .map(({ detail }) => detail.why);
}

await rulesOnBothEngines(t, {
  'design §5 a: only what the organisation signed is taken, by a certificate that is enrolled and valid': async (
    t,
    stores,
  ) => {
    const clock = fakeClock();
    const { authority } = await newAuthority(stores, token, fakeSigner(), clock);
    const school = await enrolled(authority, 'school');
    const hospital = await enrolled(authority, 'hospital');
    const stranger = await organisationKey(clock.now() - 60_000);
    const signed = lines(1, 2);
    const good = school.signLines('school', signed);
    const wrong: Record<string, [Line[], Buffer]> = {
      'another organisation’s certificate': [signed, hospital.signLines('school', signed)],
      'a certificate that nobody enrolled': [signed, stranger.signLines('school', signed)],
      'another code': [signed, school.signLines('hospital', signed)],
      'one line more': [lines(1, 2, 3), good],
      'one line less': [lines(1), good],
      'another order': [lines(2, 1), good],
      'a changed line': [[signed[0]!, { ...signed[1]!, name: 'Kẻ khác' } as Line], good],
      'no signature': [signed, Buffer.alloc(0)],
    };
    for (const [what, [given, signature]] of Object.entries(wrong))
      await t.rejects(submit(authority, 'school', given, signature), refused('signatureInvalid'), what);
    await t.rejects(submit(authority, 'nobody', signed, good), refused('orderRefused'), 'an unknown organisation');
    t.strictSame(await statusesOf(authority), [], 'nothing was taken');
    t.strictSame(
      await refusalsOf(authority),
      Object.keys(wrong).map(() => 'signatureInvalid'),
      'and the log has each refusal',
    );

    const directory = t.testdir();
    const files = { key: join(directory, 'k'), certificate: join(directory, 'c'), statement: join(directory, 's') };
    writeFileSync(files.key, school.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    writeFileSync(files.certificate, certificatePem(school.certificate));
    writeFileSync(files.statement, listStatement('school', signed.map(hashOfLine)));
    const byOpenssl = execFileSync('openssl', [
      ...['cms', '-sign', '-cades', '-binary', '-outform', 'DER', '-md', 'sha256', '-in', files.statement],
      ...['-signer', files.certificate, '-inkey', files.key],
    ]);
    const list = await submit(authority, 'school', signed, byOpenssl);
    t.equal(await submit(authority, 'school', signed, good), list, 'the same list again is the same list');
    t.strictSame(await statusesOf(authority), ['accepted', 'accepted'], 'openssl’s signature counts');

    await retire(authority, { code: 'school', fingerprint: school.fingerprint });
    const later = lines(4);
    const retired = submit(authority, 'school', later, school.signLines('school', later));
    await t.rejects(retired, refused('signatureInvalid'), 'a retired certificate');
    clock.advance(6 * 365 * 86_400_000);
    const expired = submit(authority, 'hospital', later, hospital.signLines('hospital', later));
    await t.rejects(expired, refused('signatureInvalid'), 'an expired one');
  },

  'design §5 b, S82: two different officers, first one, then the other, over exactly the list': async (t, stores) => {
    const signer = fakeSigner();
    const { authority, store, open } = await newAuthority(stores, token, signer);
    await openSandbox(authority);
    const [first, second] = players(authority);
    const school = await enrolled(authority, 'school');
    const signed = lines(1, 2);
    const list = await submit(authority, 'school', signed, school.signLines('school', signed));
    const by = (which: 'check' | 'approve', officer = first!, seen = signed) =>
      act(authority, which, list, seen, officer);

    await t.rejects(by('approve'), refused('approvalMissing'), 'not checked yet');
    await t.rejects(by('check', first, lines(1, 3)), refused('lineChanged'), 'he saw other lines');
    await t.rejects(by('check', first, lines(2, 1)), refused('lineChanged'), 'or another order');
    await by('check');
    await by('check');
    await t.rejects(by('check', second), refused('orderRefused'), 'somebody checked it already');
    await t.rejects(by('approve'), refused('approvalMissing'), 'who checked cannot approve');
    t.strictSame(await statusesOf(authority), ['accepted', 'accepted'], 'nothing is ordered by one person');
    const production = await open('production');
    const elsewhere = act(production, 'approve', list, signed, second!);
    await t.rejects(elsewhere, refused('approvalMissing'), 'outside a sandbox its officers count for nothing');
    await by('approve', second);
    t.strictSame(await statusesOf(authority), ['ordered', 'ordered']);

    const [row] = await authority.rows.lines.list(store.read, { lineHash: hashOfLine(signed[0]!) });
    const credential = await authority.rows.credentials.find(store.read, { id: row!.credential });
    await recordKey(authority, row!.lineHash, attestationFor(signer, { ...credential!, lineHash: row!.lineHash }));
    await store.write((tx) => tx.db.delete(tx.t.approvals).where(eq(tx.t.approvals.act, 'check')));
    await t.rejects(
      issueCertificate(authority, row!.lineHash),
      refused('approvalMissing'),
      'asked again before signing',
    );
    t.strictSame(await store.read.db.select().from(store.read.t.certificates), [], 'no intent');
  },

  'design §5 a: what an organisation signed and nobody approved goes no further once it is retired': async (
    t,
    stores,
  ) => {
    const { authority } = await newAuthority(stores, token, fakeSigner());
    await openSandbox(authority);
    const [first, second] = players(authority);
    const [school, hospital] = [await enrolled(authority, 'school'), await enrolled(authority, 'hospital')];
    const checked = async (code: string, signed: Line[], signature: Buffer) => {
      const list = await submit(authority, code, signed, signature);
      await act(authority, 'check', list, signed, first!);
      return () => act(authority, 'approve', list, signed, second!);
    };
    const approveSchool = await checked('school', lines(1), school.signLines('school', lines(1)));
    const approveHospital = await checked('hospital', lines(2), hospital.signLines('hospital', lines(2)));
    await retire(authority, { code: 'school', fingerprint: school.fingerprint });
    await t.rejects(approveSchool(), refused('signatureInvalid'), 'its certificate');
    await retire(authority, { code: 'hospital' });
    await t.rejects(approveHospital(), refused('signatureInvalid'), 'or all of it');
    t.strictSame(await statusesOf(authority), ['accepted', 'accepted'], 'nothing is ordered');
  },

  'S82: a line that changed after its approval gets no certificate': async (t, stores) => {
    const signer = fakeSigner();
    const { authority, store } = await newAuthority(stores, token, signer);
    await openSandbox(authority);
    const [first, second] = players(authority);
    const school = await enrolled(authority, 'school');
    const change = (hash: string) =>
      store.write(async (tx) => {
        const row = await authority.rows.lines.lock(tx, { lineHash: hash });
        const text = lineText({ procedure: 'issue', ...line, name: 'Kẻ khác', serial: 9 });
        await authority.rows.lines.replace(tx, row!, { text });
      });
    const [early, late] = [lines(1), lines(2)];
    const list = await submit(authority, 'school', early, school.signLines('school', early));
    await act(authority, 'check', list, early, first!);
    await change(hashOfLine(early[0]!));
    await t.rejects(act(authority, 'approve', list, early, second!), refused('lineChanged'), 'before it is ordered');

    const other = await submit(authority, 'school', late, school.signLines('school', late));
    await act(authority, 'check', other, late, first!);
    await act(authority, 'approve', other, late, second!);
    const row = await authority.rows.lines.find(store.read, { lineHash: hashOfLine(late[0]!) });
    const credential = await authority.rows.credentials.find(store.read, { id: row!.credential });
    await recordKey(authority, row!.lineHash, attestationFor(signer, { ...credential!, lineHash: row!.lineHash }));
    await change(row!.lineHash);
    await t.rejects(issueCertificate(authority, row!.lineHash), refused('lineChanged'), 'and before it is signed');
    t.match(await authority.rows.lines.find(store.read, { lineHash: row!.lineHash }), {
      ...{ status: 'refused', refusal: 'lineChanged' },
    });
    t.ok((await refusalsOf(authority)).includes('lineChanged'));
  },

  'S70: twenty equal orders at once become one': async (t, stores) => {
    const { authority, store } = await newAuthority(stores, token, fakeSigner());
    await openSandbox(authority);
    const [first, second] = players(authority);
    const school = await enrolled(authority, 'school');
    const signed = lines(1);
    const signature = school.signLines('school', signed);
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const list = await submit(authority, 'school', signed, signature);
        await act(authority, 'check', list, signed, first!);
        await act(authority, 'approve', list, signed, second!);
        return list;
      }),
    );
    t.equal(new Set(ids).size, 1);
    const { credentials, feedOrders, orderLists, approvals } = store.read.t;
    const counts = await Promise.all(
      [orderLists, approvals, credentials, feedOrders].map(
        async (each) => (await store.read.db.select().from(each)).length,
      ),
    );
    t.strictSame(counts, [1, 2, 1, 2], 'one list, two approvals, one credential; orders for the person and the key');

    const again = [...lines(2), ...signed];
    const repeated = submit(authority, 'school', again, school.signLines('school', again));
    await t.rejects(repeated, refused('orderRefused'), 'a line that came before makes its list refused');
    t.strictSame(await statusesOf(authority), ['ordered'], 'as a whole');
  },
});
