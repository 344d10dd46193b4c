import { execFileSync } from 'node:child_process';
import { sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { degrees, PDFDocument, PDFName, PDFString } from '@cantoo/pdf-lib';
import t, { type Test } from 'tap';
import { embedSignature, type PdfSignatureOptions, preparePdf } from '../../src/client/index.ts';
import { refused } from '../helpers/refused.ts';
import { createTestPki, newkeys } from './certificates.ts';
import { qpdf, sample } from './documents.ts';
import { pdfsig, structureComplaints } from './judges.ts';

const pki = createTestPki(t);
const { key, chain } = pki.signer(newkeys['EC-P256']);
const texts = {
  name: 'Nguyễn Thị Ánh Nguyệt',
  reason: 'Tôi đã đọc và đồng ý với nội dung văn bản',
  location: 'Thừa Thiên Huế',
};

async function signed(pdf: Uint8Array, more: Partial<PdfSignatureOptions> = {}): Promise<Buffer> {
  const signingTime = new Date(Date.UTC(2026, 10, 24, 1, 2, 3));
  const options = { chain, scheme: { digest: 'SHA-256' }, signingTime, visible: true, ...texts, ...more } as const;
  const { context } = await preparePdf(pdf, options);
  return embedSignature(context, sign('SHA-256', context.signedAttributes, key));
}

function textOf(pdf: Buffer): string {
  const file = join(pki.directory, 'text.pdf');
  writeFileSync(file, pdf);
  return execFileSync('pdftotext', ['-raw', file, '-'], { encoding: 'utf8' }).replace(/\s+/g, ' ');
}

function judge(t: Test, pdf: Buffer, count: number): void {
  const reports = pdfsig(pki, pdf);
  t.equal(reports.length, count);
  for (const report of reports) t.match(report, 'Signature is Valid.');
  t.equal(structureComplaints(pki, pdf), '');
}

for (const [kind, pdf] of [
  ['a cross-reference table', sample],
  ['a cross-reference stream', qpdf(pki.directory, sample, '--object-streams=generate')],
] as const) {
  t.test(`${kind}: Vietnamese text can be read out of a visible signature, in less than 40 kB`, async (t) => {
    const one = await signed(pdf);
    judge(t, one, 1);
    const text = textOf(one);
    for (const value of [...Object.values(texts), 'Ký bởi:', 'Lý do:', 'Nơi ký:', 'Thời gian ký: 08:02:03 24/11/2026'])
      t.ok(text.includes(value), value);
    t.ok(one.length - pdf.length < 40_000, `${one.length - pdf.length} bytes`);
    t.ok(one.subarray(0, pdf.length).equals(pdf), 'the document stays byte for byte');

    const two = await signed(one, {
      visible: { page: -1, x: 40, y: 140, width: 180, height: 60 },
      name: 'Trần Văn Bình',
    });
    const three = await signed(two, { visible: false });
    judge(t, three, 3);
    t.ok(textOf(three).includes('Trần Văn Bình'));
  });
}

t.test('on a turned page the signature stands upright where it was put', async (t) => {
  for (const angle of [0, 90, 180, 270]) {
    const document = await PDFDocument.create();
    const page = document.addPage([400, 600]);
    page.setRotation(degrees(angle));
    const pdf = await signed(await document.save(), { visible: { page: 1, x: 20, y: 30, width: 200, height: 60 } });
    const file = join(pki.directory, 'turned.pdf');
    writeFileSync(file, pdf);
    const boxes = execFileSync('pdftotext', ['-bbox', file, '-'], { encoding: 'utf8' });
    const [, left, top] = /xMin="([\d.]+)" yMin="([\d.]+)"[^>]*>Ký</.exec(boxes) ?? [];
    const shownHeight = angle % 180 === 0 ? 600 : 400;
    t.ok(Math.abs(Number(left) - 24) < 3, `${angle}°: ${left} from the left`);
    t.ok(Math.abs(Number(top) - (shownHeight - 90 + 4)) < 8, `${angle}°: ${top} from the top`);
  }
});

t.test('S29: hostile and endless texts stay in their box, and say what they say', async (t) => {
  const long = await signed(sample, { name: `${'Ánh '.repeat(200)}`, reason: 'x'.repeat(3000) });
  judge(t, long, 1);
  t.ok(textOf(long).includes('…'), 'what does not fit is cut visibly');
  const hostile = await signed(sample, { name: 'A\u202Egnp.exe\u0007\nB', reason: '漢字 ☃' });
  judge(t, hostile, 1);
  t.ok(textOf(hostile).includes('Ký bởi: Agnp.exe B'), 'no direction or control characters');
  t.ok(textOf(hostile).includes('Lý do: ?? ?'), 'what the font lacks is seen to be missing');
});

t.test('a place that is not on the page is refused with its size', async (t) => {
  const place = { page: 1, x: 10, y: 10, width: 100, height: 40 };
  for (const [what, changes] of [
    ['no such page', { page: 2 }],
    ['no such page from the end', { page: -2 }],
    ['beyond the right', { x: 550 }],
    ['below', { y: -1 }],
    ['too small to read', { width: 5 }],
  ] as const) {
    await t.rejects(signed(sample, { visible: { ...place, ...changes } }), refused('document'), what);
  }
});

t.test('an empty signature field of the document is signed where it stands', async (t) => {
  const document = await PDFDocument.load(sample);
  const { context } = document;
  const page = document.getPage(0);
  const widget = context.obj({
    ...{ Type: 'Annot', Subtype: 'Widget', FT: 'Sig', Rect: [300, 200, 520, 260], P: page.ref, F: 4 },
    T: PDFString.of('HieuTruong'),
  });
  const field = context.register(widget);
  page.node.set(PDFName.of('Annots'), context.obj([field]));
  document.catalog.getOrCreateAcroForm().addField(field);
  const pdf = await document.save({ useObjectStreams: false });

  const one = await signed(pdf, { field: 'HieuTruong' });
  judge(t, one, 1);
  t.match(pdfsig(pki, one)[0], 'HieuTruong');
  t.ok(textOf(one).includes(texts.name), 'visible, since its author gave it a size');
  await t.rejects(signed(one, { field: 'HieuTruong' }), refused('document'), 'it is not empty any more');
  await t.rejects(signed(pdf, { field: 'Khác' }), { ...refused('document'), message: /"HieuTruong"/ });
});
