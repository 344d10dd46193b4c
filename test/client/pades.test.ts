import { sign } from 'node:crypto';
import t, { type Test } from 'tap';
import { embedSignature, type PdfSignatureOptions, preparePdf } from '../../src/client/index.ts';
import type { SignScheme } from '../../src/crypto/algorithms.ts';
import { refused } from '../helpers/refused.ts';
import { createTestPki, newkeys, type TestSigner } from './certificates.ts';
import { annotated, certified, qpdf, sample } from './documents.ts';
import { opensslVerifies, pdfsig, signaturesOf, structureComplaints } from './judges.ts';

const pki = createTestPki(t);
const rsa = pki.signer(newkeys['RSA-2048']);
const ec = pki.signer(newkeys['EC-P256']);
const sha256: SignScheme = { digest: 'SHA-256' };
const signingTime = new Date(Date.UTC(2026, 10, 24, 1, 2, 3));

async function signed(pdf: Uint8Array, signer: TestSigner, more: Partial<PdfSignatureOptions> = {}): Promise<Buffer> {
  const options = { chain: signer.chain, scheme: sha256, signingTime, level: 'B-B', ...more } as const;
  const { context } = await preparePdf(pdf, options);
  return embedSignature(context, sign(options.scheme.digest, context.signedAttributes, signer.key));
}

/** Every judge has its say on every signature of the file. */
function judge(t: Test, pdf: Buffer, count: number): void {
  const reports = pdfsig(pki, pdf);
  t.equal(reports.length, count);
  for (const report of reports) t.match(report, 'Signature is Valid.');
  for (const report of reports) t.match(report, 'ETSI.CAdES.detached');
  t.match(reports.at(-1), '  - Total document signed');
  const signatures = signaturesOf(pdf);
  t.equal(signatures.length, count);
  for (const { cms, signed } of signatures) {
    const verdict = opensslVerifies(pki, cms, signed);
    t.ok(verdict.accepted, verdict.said);
  }
  t.equal(structureComplaints(pki, pdf), '');
}

const documents = {
  'a classic cross-reference table': () => sample,
  'cross-reference and object streams': () => qpdf(pki.directory, sample, '--object-streams=generate'),
  'a linearized file': () => qpdf(pki.directory, sample, '--linearize'),
  'a linearized file with object streams': () =>
    qpdf(pki.directory, sample, '--linearize', '--object-streams=generate'),
  'indirect annotations and a field of the same name': annotated,
  'a certification that allows signing': () => certified(2),
};

for (const [name, make] of Object.entries(documents)) {
  t.test(
    `${name}: two signatures are valid for pdfsig and openssl, and what was there stays byte for byte`,
    async (t) => {
      const pdf = Buffer.from(await make());
      const once = await signed(pdf, rsa);
      t.strictSame(once.subarray(0, pdf.length), pdf);
      judge(t, once, 1);
      const twice = await signed(once, ec);
      t.strictSame(twice.subarray(0, once.length), once);
      t.strictSame(signaturesOf(twice)[0]?.revision, once);
      judge(t, twice, 2);
    },
  );
}

for (const digest of ['SHA-384', 'SHA-512'] as const) {
  t.test(`${digest} with RSA and ECDSA is valid for pdfsig and openssl`, async (t) => {
    judge(t, await signed(sample, rsa, { scheme: { digest } }), 1);
    judge(t, await signed(sample, ec, { scheme: { digest } }), 1);
  });
}

for (const [keyType, digest] of [
  ['RSA-3072', 'SHA-256'],
  ['RSA-4096', 'SHA-512'],
  ['EC-P384', 'SHA-384'],
  ['EC-P521', 'SHA-512'],
] as const) {
  t.test(`${keyType}: its signature has room, and is valid for pdfsig and openssl`, async (t) => {
    const signer = pki.signer(newkeys[keyType]);
    const once = await signed(sample, signer, { scheme: { digest } });
    judge(t, once, 1);
    judge(t, await signed(once, ec, { visible: true }), 2);
  });
}

t.test('the field takes a name that no field of the document has', async (t) => {
  const pdf = await annotated();
  const once = await signed(pdf, ec);
  t.match(once.subarray(pdf.length).toString('latin1'), '/T (Signature2)');
  t.match((await signed(once, ec)).subarray(once.length).toString('latin1'), '/T (Signature3)');
});

t.test('the new revision goes on with the kind of cross-reference that the file ends with', async (t) => {
  const tail = async (pdf: Buffer) => (await signed(pdf, ec)).subarray(pdf.length).toString('latin1');
  const streams = qpdf(pki.directory, sample, '--object-streams=generate');
  t.match(await tail(sample), '\ntrailer\n');
  t.notMatch(await tail(sample), '/Type /XRef');
  t.match(await tail(streams), '/Type /XRef');
  t.notMatch(await tail(streams), '\ntrailer\n');
});

t.test('page content and resources are not rewritten: a reader would call it tampering', async (t) => {
  for (const pdf of [sample, Buffer.from(await annotated())]) {
    const revision = (await signed(pdf, ec)).subarray(pdf.length).toString('latin1');
    t.notMatch(revision, /\/Contents \[/);
    t.notMatch(revision, /\/(Font|XObject|ExtGState) /);
  }
  t.match((await signed(sample, ec)).subarray(sample.length).toString('latin1'), '/Contents 4 0 R\n');
});

t.test('a document without information dictionary does not get one', async (t) => {
  const bare = sample.toString('latin1').replace('/Info 45 0 R', ' '.repeat(12));
  const pdf = await signed(Buffer.from(bare, 'latin1'), ec);
  t.notMatch(pdf.toString('latin1'), '/Info');
  judge(t, pdf, 1);
});

t.test('the signature dictionary has /M and the words given, in Vietnamese, and the CMS no signing-time', async (t) => {
  const pdf = await signed(sample, rsa, {
    reason: 'Tôi duyệt (bản cuối)',
    location: 'Đà Nẵng',
    name: 'Nguyễn Văn Mẫu',
  });
  const revision = pdf.subarray(sample.length).toString('latin1');
  const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16().toString('hex').toUpperCase();
  t.match(revision, '/M (D:20261124010203Z)');
  t.match(revision, `/Reason <${utf16('Tôi duyệt (bản cuối)')}>`);
  t.match(revision, `/Location <${utf16('Đà Nẵng')}>`);
  t.match(revision, `/Name <${utf16('Nguyễn Văn Mẫu')}>`);
  const signingTimeOid = '2a864886f70d010905';
  t.notMatch(signaturesOf(pdf)[0]?.cms.toString('hex'), signingTimeOid);
  judge(t, pdf, 1);
});

t.test('words that look like the placeholders change nothing', async (t) => {
  const reason = '/ByteRange [ 0 9999999999 9999999999 9999999999 ] /Contents <00>';
  judge(t, await signed(await signed(sample, rsa, { reason }), ec, { reason }), 2);
});

t.test('/Contents is the CMS, padded with zeros, with room left for the longest signature', async (t) => {
  for (const signer of [rsa, ec]) {
    const [signature] = signaturesOf(await signed(sample, signer));
    const hex = signature!.contents.toString('latin1');
    t.equal(hex.replace(/^<[0-9a-f]+?(0*)>$/, ''), '');
    t.equal(hex.slice(1, 1 + signature!.cms.length * 2), signature!.cms.toString('hex'));
    t.match(hex.slice(1 + signature!.cms.length * 2, -1), /^0+$/);
  }
});

t.test('one changed byte in the signed content makes the signature invalid', async (t) => {
  const pdf = await signed(sample, rsa);
  const at = pdf.indexOf('/MediaBox');
  pdf[at + 1] = 'm'.charCodeAt(0);
  t.notMatch(pdfsig(pki, pdf)[0], 'Signature is Valid.');
  const [signature] = signaturesOf(pdf);
  t.notOk(opensslVerifies(pki, signature!.cms, signature!.signed).accepted);
});

t.test('the same input is prepared to the same digest, and the context can be used again', async (t) => {
  const options = { chain: rsa.chain, scheme: sha256, signingTime, level: 'B-B' } as const;
  const [first, second] = [await preparePdf(sample, options), await preparePdf(sample, options)];
  t.strictSame(first.toSign, second.toSign);
  const signature = sign('SHA-256', first.context.signedAttributes, rsa.key);
  const prepared = Buffer.from(first.context.contents.document);
  t.strictSame(embedSignature(first.context, signature), embedSignature(second.context, signature));
  t.strictSame(first.context.contents.document, prepared);
});

t.test('a signature by another key, over another digest or in another form is not embedded', async (t) => {
  const { context } = await preparePdf(sample, { chain: ec.chain, scheme: sha256, signingTime, level: 'B-B' });
  const attributes = context.signedAttributes;
  const stranger = pki.signer(newkeys['EC-P256']);
  t.throws(() => embedSignature(context, sign('SHA-256', attributes, stranger.key)), refused('integrity'));
  t.throws(() => embedSignature(context, sign('SHA-256', Buffer.from('other'), ec.key)), refused('integrity'));
  const raw = sign('SHA-256', attributes, { key: ec.key, dsaEncoding: 'ieee-p1363' });
  t.throws(() => embedSignature(context, raw), refused('integrity'));
  t.doesNotThrow(() => embedSignature(context, sign('SHA-256', attributes, ec.key)));
});
