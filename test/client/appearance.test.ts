import { execFileSync } from 'node:child_process';
import { sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { degrees, PDFDocument, PDFName, PDFString } from '@cantoo/pdf-lib';
import t, { type Test } from 'tap';
import { layOut } from '../../src/client/appearance-text.ts';
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
  const how = { chain, scheme: { digest: 'SHA-256' }, signingTime, level: 'B-B', visible: true } as const;
  const options = { ...how, ...texts, ...more };
  const { context } = await preparePdf(pdf, options);
  return embedSignature(context, sign('SHA-256', context.signedAttributes, key));
}

function textOf(pdf: Buffer): string {
  const file = join(pki.directory, 'text.pdf');
  writeFileSync(file, pdf);
  return execFileSync('pdftotext', ['-raw', file, '-'], { encoding: 'utf8' }).replace(/\s+/g, ' ');
}

/** The words of the pages as they are shown, each with its box, from the upper left. */
function boxesOf(pdf: Buffer): string {
  const file = join(pki.directory, 'boxes.pdf');
  writeFileSync(file, pdf);
  return execFileSync('pdftotext', ['-bbox', file, '-'], { encoding: 'utf8' });
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
    const [, left, top] = /xMin="([\d.]+)" yMin="([\d.]+)"[^>]*>Ký</.exec(boxesOf(pdf)) ?? [];
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

t.test('the usual place is above the signatures that stand there, also on a turned page', async (t) => {
  for (const angle of [0, 90]) {
    const document = await PDFDocument.create();
    document.addPage([400, 600]).setRotation(degrees(angle));
    let pdf: Buffer = Buffer.from(await document.save());
    const tops: number[] = [];
    for (const name of ['Một', 'Hai', 'Ba']) {
      pdf = await signed(pdf, { name });
      const [, top] = new RegExp(`yMin="([\\d.]+)"[^>]*>${name}<`).exec(boxesOf(pdf)) ?? [];
      tops.push(Number(top));
    }
    judge(t, pdf, 3);
    const [one = 0, two = 0, three = 0] = tops;
    t.ok(one - two > 60 && two - three > 60, `${angle}°: ${tops.join(', ')} from the top`);
  }
});

t.test('where no name is given, the one in the certificate is seen, and /Name is left out', async (t) => {
  const pdf = await signed(sample, { name: undefined });
  t.match(textOf(pdf), 'Ký bởi: Nguyễn Văn Mẫu');
  t.notMatch(pdf.subarray(sample.length).toString('latin1'), '/Name ');
});

t.test('no line is wider than its box, however its text is cut', async (t) => {
  const measure = (text: string, size: number) => text.length * size * (text.includes('…') ? 1.2 : 1);
  for (const [texts, width, height] of [
    [['một hai ba bốn năm'], 40, 100],
    [['m'.repeat(100), 'hai'], 40, 12],
    [['ngắn', 'hai'], 20, 5],
    [['một'], 4, 4],
  ] as const) {
    const { lines, size } = layOut(texts, width, height, measure);
    for (const line of lines) t.ok(measure(line, size) <= width || [...line].length <= 1, `${line} in ${width}`);
  }
  t.same(layOut(['một hai ba'], 70, 100, measure), { lines: ['một hai', 'ba'], size: 10, leading: 12.5 });
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

/** The sample with an empty signature field; `kids` makes its widget an object of its own, without /P. */
async function withEmptyField(rect: number[], { angle = 0, kids = false } = {}): Promise<Uint8Array> {
  const document = await PDFDocument.load(sample);
  const { context } = document;
  const page = document.getPage(0);
  page.setRotation(degrees(angle));
  const name = { FT: 'Sig', T: PDFString.of('HieuTruong') };
  const look = { Type: 'Annot', Subtype: 'Widget', Rect: rect, F: 4 };
  const widget = context.register(context.obj(kids ? look : { ...name, ...look, P: page.ref }));
  const field = kids ? context.register(context.obj({ ...name, Kids: [widget] })) : widget;
  page.node.set(PDFName.of('Annots'), context.obj([widget]));
  document.catalog.getOrCreateAcroForm().addField(field);
  return document.save({ useObjectStreams: false });
}

t.test('an empty field on a turned page is signed upright, also where its widget does not name the page', async (t) => {
  for (const kids of [false, true]) {
    const one = await signed(await withEmptyField([100, 300, 160, 520], { angle: 90, kids }), {
      field: 'HieuTruong',
    });
    judge(t, one, 1);
    const found = /xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">bởi:</.exec(boxesOf(one));
    const [left = 0, top = 0, right = 0, bottom = 0] = found?.slice(1).map(Number) ?? [];
    t.ok(left > 300 && right < 520 && top > 95 && bottom < 160, `in its box: ${left} ${top} ${right} ${bottom}`);
    t.ok(right - left > bottom - top, 'and upright');
  }
});

t.test('an empty field without size is signed without being seen', async (t) => {
  const one = await signed(await withEmptyField([0, 0, 0, 0]), { field: 'HieuTruong' });
  judge(t, one, 1);
  t.notMatch(textOf(one), 'Ký bởi');
});

t.test('an empty signature field of the document is signed where it stands', async (t) => {
  const pdf = await withEmptyField([300, 200, 520, 260]);

  const one = await signed(pdf, { field: 'HieuTruong' });
  judge(t, one, 1);
  t.match(pdfsig(pki, one)[0], 'HieuTruong');
  t.ok(textOf(one).includes(texts.name), 'visible, since its author gave it a size');
  await t.rejects(signed(one, { field: 'HieuTruong' }), refused('document'), 'it is not empty any more');
  await t.rejects(signed(pdf, { field: 'Khác' }), { ...refused('document'), message: /"HieuTruong"/ });
});
