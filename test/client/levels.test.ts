import { createHash, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { degrees, PDFArray, PDFDict, PDFDocument, PDFName } from '@cantoo/pdf-lib';
import t, { type Test } from 'tap';
import { finishPdfs, type PdfSignatureOptions, preparePdf } from '../../src/client/index.ts';
import { signatureFacts } from '../../src/client/signature-facts.ts';
import { newestSignature } from '../../src/client/signatures.ts';
import { newkeys, type TestSigner } from './certificates.ts';
import { certified, qpdf, sample } from './documents.ts';
import { pdfsig, signaturesOf, structureComplaints } from './judges.ts';
import { complaintsFromStore, storeOf, timestampOf } from './store-judges.ts';
import { validationServices } from './validation-services.ts';

const services = await validationServices(t);
const { pki } = services;
const rsa = services.signer(newkeys['RSA-2048']);
const ec = services.signer(newkeys['EC-P256']);

/** Signed as in a flow of two steps; B-LT unless the options say otherwise. */
async function signed(pdf: Uint8Array, signer: TestSigner, more: Partial<PdfSignatureOptions> = {}): Promise<Buffer> {
  const { context } = await preparePdf(pdf, {
    ...{ chain: signer.chain, scheme: { digest: 'SHA-256' }, signingTime: new Date() },
    ...more,
  });
  const signature = sign(context.scheme.digest, context.signedAttributes, signer.key);
  const [document] = await finishPdfs([{ context, signature }], { timestamp: { url: services.tsa } });
  return document!;
}

/** Every judge has its say on every signature of the file, at B-LT. */
function judge(t: Test, pdf: Buffer, count: number): void {
  const reports = pdfsig(pki, pdf);
  t.equal(reports.length, count);
  for (const report of reports) t.match(report, 'Signature is Valid.');
  t.equal(structureComplaints(pki, pdf), '');
  for (let index = 0; index < count; index += 1) t.same(complaintsFromStore(pdf, index), [], `signature ${index}`);
}

/** Whether the certificate is good now, as the responder tells anybody who asks. */
async function asksResponder(signer: TestSigner): Promise<string> {
  const file = (name: string) => join(pki.directory, name);
  writeFileSync(file('asked.der'), signer.chain[0]);
  pki.openssl('x509 -in asked.der -inform DER -out asked.pem');
  const about = '-issuer issuing.pem -cert asked.pem';
  pki.openssl(`ocsp ${about} -no_nonce -reqout asked.req`);
  const answer = await fetch(`${services.base}/ocsp`, { method: 'POST', body: readFileSync(file('asked.req')) });
  writeFileSync(file('asked.resp'), Buffer.from(await answer.arrayBuffer()));
  return String(pki.openssl(`ocsp ${about} -respin asked.resp -no_nonce -CAfile root.pem -VAfile issuing.pem`));
}

for (const [name, make] of Object.entries({
  'a classic cross-reference table': () => sample,
  'cross-reference and object streams': () => qpdf(pki.directory, sample, '--object-streams=generate'),
  'a certification that allows signing': () => certified(2),
  'a signature of level B-B': () => signed(sample, ec, { level: 'B-B' }),
})) {
  t.test(
    `${name}: two signers at B-LT; openssl takes both with nothing but the file, earlier bytes stay`,
    async (t) => {
      const pdf = Buffer.from(await make());
      const before = signaturesOf(pdf).length;
      const once = await signed(pdf, rsa);
      t.ok(once.subarray(0, pdf.length).equals(pdf));
      const twice = await signed(once, ec, { visible: true });
      t.ok(twice.subarray(0, once.length).equals(once));
      t.equal(structureComplaints(pki, twice), '');
      const reports = pdfsig(pki, twice);
      t.equal(reports.length, before + 2);
      for (const report of reports) t.match(report, 'Signature is Valid.');
      t.same(complaintsFromStore(twice, before), []);
      t.same(complaintsFromStore(twice, before + 1), []);
      for (const pdf of [once, twice]) t.ok((await newestSignature(pdf)).cms.equals(signaturesOf(pdf).at(-1)!.cms));
    },
  );
}

t.test('revoked afterwards: a B-LT file still convinces openssl, a B-B file has nothing to feed', async (t) => {
  const signer = services.signer(newkeys['EC-P256']);
  const [kept, plain] = [await signed(sample, signer), await signed(sample, signer, { level: 'B-B' })];
  t.match(await asksResponder(signer), 'good');
  services.revoke(signer.chain[0]);
  t.match(await asksResponder(signer), /revoked[\s\S]*keyCompromise/, 'whoever asks now hears this');
  judge(t, kept, 1);
  t.equal(storeOf(plain), undefined);
  t.same(complaintsFromStore(plain), ['there is nothing to feed']);
});

t.test(
  'the judge is one: a store that lacks something, or another signature than the timestamp, is not taken',
  async (t) => {
    const pdf = await signed(sample, ec);
    const text = (der: Buffer) => der.toString('latin1');
    const without = (der: Buffer) => {
      const spoilt = Buffer.from(
        pdf.toString('latin1').replace(text(der), text(Buffer.from(der).fill(0, 70, 78))),
        'latin1',
      );
      return complaintsFromStore(spoilt).join();
    };
    const store = storeOf(pdf)!;
    t.match(without(store.crls[0]!), /status of CN=Kyso test issuing/);
    for (const ocsp of store.ocsps) t.match(without(ocsp), /status of CN=(Nguyễn Văn Mẫu|Kyso test tsa)/);
  },
);

t.test(
  'the store: chains of signer, authority and responder; OCSP where there is one, a CRL for the issuing authority',
  async (t) => {
    const once = await signed(sample, ec);
    const twice = await signed(once, rsa);
    const [first, second] = signaturesOf(twice);
    const names = [first, second].map((signature) =>
      createHash('sha1')
        .update(Buffer.from(signature!.contents.toString('latin1').slice(1, -1), 'hex'))
        .digest('hex')
        .toUpperCase(),
    );
    const { certificates, ocsps, crls, vri, version, extensions } = storeOf(twice)!;
    t.equal(certificates.length, 6, 'both signers, TSA, responder, issuing authority, root: each once');
    t.equal(crls.length, 1);
    t.equal(ocsps.length, 4, 'signer and TSA, asked anew for each signature');
    t.same(vri, Object.fromEntries(names.map((name) => [name, { Cert: 5, OCSP: 2, CRL: 1 }])));
    t.match(
      { version, extensions },
      { version: '/1.7', extensions: { '/ESIC': { '/BaseVersion': '/1.7', '/ExtensionLevel': 1 } } },
    );
  },
);

t.test('PDF 2.0 needs no mark of an extension, and a later version stays', async (t) => {
  const { version, extensions } = storeOf(await signed(qpdf(pki.directory, sample, '--force-version=2.0'), ec))!;
  t.same({ version, extensions }, { version: undefined, extensions: undefined });
});

t.test('B-T: a timestamp over the signature value and nothing else; its room is there', async (t) => {
  for (const digest of ['SHA-256', 'SHA-384', 'SHA-512'] as const) {
    const pdf = await signed(sample, ec, { level: 'B-T', scheme: { digest } });
    t.equal(storeOf(pdf), undefined);
    t.match(pdfsig(pki, pdf)[0], 'Signature is Valid.');
    t.match(pdfsig(pki, pdf)[0], '  - Total document signed');
    const { token, signature } = timestampOf(signaturesOf(pdf)[0]!.cms)!;
    for (const [name, bytes] of Object.entries({ token, value: signature }))
      writeFileSync(join(pki.directory, name), bytes);
    const trust = '-CAfile root.pem -untrusted issuing.pem';
    t.match(String(pki.openssl(`ts -verify -token_in -in token -data value ${trust}`)), 'Verification: OK');
  }
});

t.test('the newest signature is found behind validation data, and not behind any other change', async (t) => {
  const once = await signed(sample, ec);
  const both = await signed(once, rsa);
  for (const pdf of [once, both]) {
    const { content, cms } = await newestSignature(pdf);
    const last = signaturesOf(pdf).at(-1)!;
    t.ok(content.equals(last.signed) && cms.equals(last.cms));
  }
  const facts = await signatureFacts(both);
  t.match(facts, { level: 'B-LT', store: { certificates: 6, ocsps: 4, crls: 1 } });
  t.equal(Math.floor(facts.timestamp!.time.getTime() / 1000), timestampOf(facts.cms)!.time.getTime() / 1000);
  t.match(await signatureFacts(await signed(sample, ec, { level: 'B-T' })), { level: 'B-T' });
  t.match(await signatureFacts(await signed(sample, ec, { level: 'B-B' })), { level: 'B-B', timestamp: undefined });

  /** Appends a revision behind two signatures, the second of which covers the store of the first. */
  const changed = async (change: (document: PDFDocument) => void) => {
    const document = await PDFDocument.load(both, { forIncrementalUpdate: true, updateMetadata: false });
    change(document);
    return Buffer.from(await document.commit({ useObjectStreams: false }));
  };
  const name = PDFName.of;
  const store = (document: PDFDocument) => document.catalog.lookup(name('DSS'), PDFDict);
  const changes: Record<string, (document: PDFDocument) => void> = {
    'another page': (document) => void document.addPage(),
    'another text of a page': (document) => document.getPage(0).drawText('x'),
    'a page turned': (document) => document.getPage(0).setRotation(degrees(90)),
    'a script': ({ catalog, context }) => catalog.set(name('OpenAction'), context.obj({ S: 'JavaScript' })),
    'a store that lost a certificate': (document) => void store(document).lookup(name('Certs'), PDFArray).remove(0),
    'a store with something else': (document) => store(document).set(name('Other'), PDFName.of('x')),
  };
  for (const [what, change] of Object.entries(changes))
    await t.rejects(newestSignature(await changed(change)), { kind: 'document', message: /changed after/ }, what);
  const same = await changed(({ catalog }) => catalog.set(name('Version'), name('1.7')));
  await t.rejects(
    newestSignature(same),
    { kind: 'document', message: /changed after/ },
    'a second revision, even without any change',
  );
  await t.rejects(newestSignature(Buffer.from(sample)), { kind: 'document', message: /has no signature/ });
});
