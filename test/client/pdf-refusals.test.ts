import t from 'tap';
import { preparePdf } from '../../src/client/index.ts';
import { createTestPki, newkeys } from './certificates.ts';
import { certified, locked, qpdf, sample } from './documents.ts';

const pki = createTestPki(t);
const { chain } = pki.signer(newkeys['EC-P256']);
const text = sample.toString('latin1');
const bytes = (latin1: string) => Buffer.from(latin1, 'latin1');

/** The document is refused with a sentence of this form that also says what to do. */
function refuses(name: string, make: () => Uint8Array | Promise<Uint8Array>, message: RegExp): void {
  t.test(`${name} is refused with a sentence`, async (t) => {
    const prepare = preparePdf(await make(), { chain, scheme: { digest: 'SHA-256' }, signingTime: new Date(0) });
    await t.rejects(prepare, { name: 'KysoError', kind: 'document', message });
  });
}

const notPdf = /^This is not a PDF: .+\. Choose a PDF file\.$/;
refuses('an empty file', () => Buffer.alloc(0), notPdf);
refuses('a file that is no PDF', () => Buffer.from('<html>Giấy xác nhận</html>'), notPdf);

const encrypted = /^The PDF is encrypted\. Save a copy without password/;
for (const bits of ['40', '128', '256']) {
  const encrypt = (...more: string[]) =>
    qpdf(pki.directory, sample, '--allow-weak-crypto', '--encrypt', '', 'owner', bits, '--', ...more);
  refuses(`a PDF encrypted with ${bits} bits`, () => encrypt(), encrypted);
  refuses(`a PDF encrypted with ${bits} bits in object streams`, () => encrypt('--object-streams=generate'), encrypted);
}
refuses(
  'a PDF that asks for a password',
  () => qpdf(pki.directory, sample, '--encrypt', 'user', 'owner', '256', '--'),
  encrypted,
);

const damaged = /^The PDF is damaged: .+ save it as a new PDF/;
refuses('a PDF that is only a header', () => Buffer.from('%PDF-1.7\n'), damaged);
refuses('a PDF cut short', () => sample.subarray(0, 20_000), damaged);
refuses('a PDF cut short within its cross-reference', () => sample.subarray(0, -200), damaged);
refuses('a PDF without startxref', () => bytes(text.replace('startxref', 'startxreg')), damaged);
refuses('a PDF whose startxref points elsewhere', () => bytes(text.replace('%\xb5', '%shifted\n%\xb5')), damaged);
refuses('a PDF without catalog', () => bytes(text.replace('/Type /Catalog', '/Type /Dog')), damaged);
refuses('a PDF without pages', () => bytes(text.replace('/Pages 1 0 R', '/Pages 3 0 R')), damaged);
refuses(
  'a PDF with annotations that are no array',
  () => bytes(text.replace(/\/Contents 4 0 R/, '/Annots <</A 1>>')),
  damaged,
);
refuses(
  'a PDF whose last revision is cut short',
  () => Buffer.concat([sample, Buffer.from('46 0 obj\n<< /Type /Catalog /Pages 1 0 R >>\nendobj\n')]),
  damaged,
);

const closed = /^The PDF is certified, or locked by an earlier signature, against any change\. Ask its author/;
refuses('a PDF certified against any change (DocMDP P 1)', () => certified(1), closed);
refuses('a PDF with a signed field that locks the document', () => locked('Lock'), closed);
refuses('a PDF with a signature that carries DocMDP P 1', () => locked('Reference'), closed);
