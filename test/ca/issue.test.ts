import t from 'tap';
import type { Authority } from '../../src/ca/context.ts';
import { issueCertificate } from '../../src/ca/issue.ts';
import { recordKey } from '../../src/ca/key.ts';
import { lineText } from '../../src/ca/line.ts';
import { resumeRevocations } from '../../src/ca/revoke.ts';
import type { Attestation, Order } from '../../src/ipc/feed.ts';
import { profiles } from '../../src/pki/profiles.ts';
import { readCertificate } from '../../src/pki/read.ts';
import type { CaStore } from '../../src/store/ca/tables.ts';
import { openssl, pemFiles } from '../helpers/authority.ts';
import {
  attestationFor,
  caToken,
  fakeSigner,
  hexDigest,
  line,
  newAuthority,
  ordered,
  withIssuingKey,
} from '../helpers/certification-authority.ts';
import { refused } from '../helpers/refused.ts';
import { rulesOnBothEngines } from '../helpers/rules.ts';

const token = await caToken(t);

type Ordered = Awaited<ReturnType<typeof ordered>>;

/** Every order in the feed, in its order. */
async function ordersOf(store: CaStore): Promise<Order[]> {
  const rows = await store.read.db.select().from(store.read.t.feedOrders);
  return rows.sort((a, b) => a.number - b.number).map(({ payload }) => JSON.parse(payload).order);
}

async function eventsOf(store: CaStore): Promise<string[]> {
  const rows = await store.read.db.select().from(store.read.t.logLeaves);
  return rows
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ leaf }) => JSON.parse(leaf))
    .filter(({ event }) => event === 'certificate.issue')
    .map(({ result }) => result);
}

/** A credential whose key is attested. */
async function attested(authority: Authority, signer: ReturnType<typeof fakeSigner>, serial = 1): Promise<Ordered> {
  const credential = await ordered(authority, { ...line, serial });
  await recordKey(authority, credential.lineHash, attestationFor(signer, credential));
  return credential;
}

await rulesOnBothEngines(t, {
  'a line becomes one credential, and its hash is that of its RFC 8785 JSON': async (t, stores) => {
    const { authority, store, open } = await newAuthority(stores, token, fakeSigner());
    const shuffled = Object.fromEntries(Object.entries(line).reverse()) as typeof line;
    const [first, ...others] = await Promise.all([line, shuffled, line, line].map((l) => ordered(authority, l)));
    t.equal(first?.lineHash, hexDigest(lineText({ procedure: 'issue', ...line })));
    t.ok(
      others.every(({ id }) => id === first?.id),
      'parallel, and with members in another order',
    );
    const second = await ordered(authority, { ...line, serial: 2, keyType: 'RSA-2048' });
    t.equal(second.subscriber, first?.subscriber, 'a second credential of the same person');
    t.strictSame(
      (await ordersOf(store)).map(({ kind }) => kind),
      ['subscriber', 'makeKey', 'makeKey'],
    );

    await t.rejects(ordered(authority, { ...line, serial: 3, email: 'x@y.vn' }), refused('orderRefused'));
    const bidi = { ...line, serial: 4, subject: { ...line.subject, commonName: 'Ánh\u202e' } };
    await t.rejects(ordered(authority, bidi), refused('nameRefused'), 'S76: before any key is ordered');
    await t.rejects(ordered(await open('production'), line), refused('orderRefused'), 'only in a sandbox');
    t.equal((await ordersOf(store)).length, 3, 'refused lines ordered nothing');
  },

  'design §5 c: without a valid attestation over this very line nothing is issued': async (t, stores) => {
    const signer = fakeSigner();
    const { authority, store } = await newAuthority(stores, token, signer);
    const stranger = fakeSigner();
    let serial = 0;
    const forgeries: Record<string, (credential: Ordered) => Attestation> = {
      'another signer': (credential) => attestationFor(stranger, credential),
      'another credential': (credential) => attestationFor(signer, credential, { credentialID: 'x' }),
      'another subscriber': (credential) => attestationFor(signer, credential, { subscriber: 'x' }),
      'another line': (credential) =>
        attestationFor(signer, credential, { lineHash: Buffer.alloc(32).toString('base64') }),
      'another key type': (credential) => attestationFor(signer, { ...credential, keyType: 'RSA-2048' }),
      'a statement that says more': (credential) => attestationFor(signer, credential, { more: 1 } as object),
      'another spelling': (credential) => signer.sign(` ${attestationFor(signer, credential).statement}`),
      'a changed statement': (credential) => {
        const good = attestationFor(signer, credential);
        return { ...good, statement: good.statement.replace(credential.id, 'x'.repeat(credential.id.length)) };
      },
    };
    for (const [what, forge] of Object.entries(forgeries)) {
      serial += 1;
      const credential = await ordered(authority, { ...line, serial });
      await t.rejects(issueCertificate(authority, credential.lineHash), refused('orderRefused'), `before: ${what}`);
      await recordKey(authority, credential.lineHash, forge(credential));
      await t.rejects(issueCertificate(authority, credential.lineHash), { message: /refused/ }, what);
      await recordKey(authority, credential.lineHash, attestationFor(signer, credential));
      await t.rejects(issueCertificate(authority, credential.lineHash), refused('orderRefused'), `for good: ${what}`);
    }
    const credential = await ordered(authority, { ...line, serial: 50 });
    await t.rejects(
      recordKey(authority, credential.lineHash, undefined),
      refused('integrity'),
      'no attestation at all',
    );
    t.equal((await store.read.db.select().from(store.read.t.certificates)).length, 0, 'no intent either');
  },

  'S77: a key that is already another credential’s gets no certificate': async (t, stores) => {
    const signer = fakeSigner();
    const { authority } = await newAuthority(stores, token, signer);
    const first = await ordered(authority, line);
    const attestation = attestationFor(signer, first);
    await recordKey(authority, first.lineHash, attestation);
    const second = await ordered(authority, { ...line, serial: 2 });
    const { spki } = JSON.parse(attestation.statement);
    await recordKey(authority, second.lineHash, attestationFor(signer, second, { spki }));
    await t.rejects(issueCertificate(authority, second.lineHash), refused('orderRefused'));
    await t.resolves(issueCertificate(authority, first.lineHash));
  },

  'a certificate is issued once, however often and parallel it is asked for': async (t, stores) => {
    const signer = fakeSigner();
    const { authority, store, open } = await newAuthority(stores, token, signer);
    const credential = await attested(authority, signer);
    const results = await Promise.all([1, 2, 3, 4].map(() => issueCertificate(authority, credential.lineHash)));
    t.equal(new Set(results.map(({ certificate }) => certificate)).size, 1);
    const rows = await store.read.db.select().from(store.read.t.certificates);
    t.equal(rows.length, 1, 'lost races leave no intent');
    t.strictSame(await eventsOf(store), ['intended', 'done']);

    const { certificate } = rows[0] ?? {};
    const [root, issuing] = ['root-1', 'issuing-ec-1'].map((id) => authority.pki.byId(id)?.certificate ?? Buffer.of());
    const orders = (await ordersOf(store)).filter((order) => order.kind === 'certificate');
    t.strictSame(
      orders.map(({ chain }) => chain),
      [[certificate, issuing, root].map((der) => der?.toString('base64'))],
      'one order, end entity first',
    );
    const files = pemFiles(t.testdir(), { root: root!, issuing: issuing!, certificate: certificate! });
    const chain = ['-CAfile', `${files.root}`, '-untrusted', `${files.issuing}`, `${files.certificate}`];
    t.match(openssl('verify', '-x509_strict', '-check_ss_sig', '-purpose', 'any', ...chain), /OK/);
    const facts = readCertificate(certificate!);
    t.equal(facts.serialNumber, results[0]?.certificate);
    t.match(facts.subjectDN, 'emailAddress=ntanh@quangngai.gov.vn,CN=Nguyễn Thị Ánh,OU=TRƯỜNG TRUNG HỌC');
    t.equal(facts.keyType, 'EC-P256');

    const third = await attested(authority, signer, 3);
    const elsewhere = issueCertificate(await open('production'), third.lineHash);
    await t.rejects(elsewhere, refused('approvalMissing'), 'outside a sandbox its officers count for nothing');
  },

  'S74: what a kill leaves behind is completed, or discarded and made anew; serial numbers never come twice': async (
    t,
    stores,
  ) => {
    const signer = fakeSigner();
    const { authority, store, open } = await newAuthority(stores, token, signer);
    const dying = withIssuingKey(authority, () => Promise.reject(new Error('killed')));

    const first = await attested(authority, signer);
    await t.rejects(
      issueCertificate(dying, first.lineHash),
      { message: 'killed' },
      'killed between intent and signature',
    );
    const [intent] = await store.read.db.select().from(store.read.t.certificates);
    t.match(intent, { status: 'intended', certificate: null }, 'the intent is durable before the key is used');
    const completed = await issueCertificate(await open(), first.lineHash);
    t.equal(completed.certificate, intent?.serialNumber, 'completed under the same serial number');
    t.strictSame(await eventsOf(store), ['intended', 'done']);

    const under = { profile: profiles.individualVgca, policies: ['1.3.6.1.4.1.99999.1'] };
    const other = await attested(authority, signer, 3);
    await t.rejects(issueCertificate({ ...dying, ...under }, other.lineHash), { message: 'killed' });
    const [left] = await authority.rows.certificates.list(store.read, { credential: other.id });
    const { certificate: own } = await issueCertificate(await open(), other.lineHash);
    t.equal(own, left?.serialNumber, 'the profile and the policies of its time, whatever is configured now');
    t.match(await authority.rows.certificates.find(store.read, { serialNumber: own! }), {
      ...{ profile: 'individualVgca', policies: '["1.3.6.1.4.1.99999.1"]', status: 'issued' },
    });

    const second = await attested(authority, signer, 2);
    await t.rejects(issueCertificate(dying, second.lineHash), { message: 'killed' });
    const rows = await store.read.db.select().from(store.read.t.certificates);
    const stale = rows.find((row) => row.credential === second.id);
    await store.write(async (tx) => {
      const row = await authority.rows.certificates.lock(tx, { serialNumber: stale!.serialNumber });
      await authority.rows.certificates.replace(tx, row!, { tbs: Buffer.from('of another version') });
    });
    const anew = await issueCertificate(await open(), second.lineHash);
    t.not(anew.certificate, stale?.serialNumber, 'an intent that does not come out the same again is not signed');
    const discarded = await authority.rows.certificates.find(store.read, { serialNumber: stale!.serialNumber });
    t.match(discarded, { status: 'discarded', certificate: null });
    const completedTwice = ['intended', 'done', 'intended', 'done'];
    t.strictSame(await eventsOf(store), [...completedTwice, 'intended', 'failed', 'intended', 'done']);
    await resumeRevocations(authority);
    const revoked = await authority.rows.certificates.find(store.read, { serialNumber: stale!.serialNumber });
    t.match(revoked, { revocation: 'revoked', reason: 'notIssued' }, 'whoever got hold of its signature has nothing');
    t.ok(
      await authority.rows.crlEntries.find(store.read, { serialNumber: stale!.serialNumber }),
      'its CRL will say so',
    );
    t.notOk(
      (await ordersOf(store)).some(({ kind }) => kind === 'block'),
      'and the credential goes on',
    );
  },

  'S74: a store that fails when the result is recorded releases nothing, and the next run completes it': async (
    t,
    stores,
  ) => {
    const signer = fakeSigner();
    const { authority, store } = await newAuthority(stores, token, signer);
    const credential = await attested(authority, signer);
    let writes = 0;
    const failing: Authority = {
      ...authority,
      store: {
        ...store,
        write: (work) => {
          writes += 1;
          if (writes < 2) return store.write(work);
          return store.write(async (tx) => {
            await work(tx);
            throw new Error('power cut');
          });
        },
      },
    };
    await t.rejects(issueCertificate(failing, credential.lineHash), { message: 'power cut' });
    t.equal(
      (await ordersOf(store)).filter(({ kind }) => kind === 'certificate').length,
      0,
      'no order without a record',
    );
    const issued = await issueCertificate(authority, credential.lineHash);
    t.equal((await store.read.db.select().from(store.read.t.certificates)).length, 1, 'the same intent');
    const numbers = (await store.read.db.select().from(store.read.t.feedOrders)).map(({ number }) => number).sort();
    t.strictSame(numbers, [1, 2, issued.certificateOrder], 'a rolled-back order leaves no gap');
    t.equal(issued.certificateOrder, 3);
  },

  'a row that somebody else wrote stops the issuance': async (t, stores) => {
    const signer = fakeSigner();
    const { authority, store } = await newAuthority(stores, token, signer);
    const credential = await attested(authority, signer);
    await store.write((tx) =>
      tx.db.update(tx.t.lines).set({ text: lineText({ procedure: 'issue', ...line, name: 'Kẻ khác' }) }),
    );
    await t.rejects(issueCertificate(authority, credential.lineHash), refused('integrity'));
  },
});
