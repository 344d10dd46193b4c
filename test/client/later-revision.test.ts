import { execFileSync } from 'node:child_process';
import { randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PDFArray, PDFDocument, PDFName, PDFRef } from '@cantoo/pdf-lib';
import t from 'tap';
import { addValidationData, embedSignature, preparePdf } from '../../src/client/index.ts';
import { newestSignature } from '../../src/client/signatures.ts';
import { createTestPki, newkeys } from './certificates.ts';
import { qpdf, sample } from './documents.ts';
import { pdfsig, structureComplaints } from './judges.ts';

/*
 * A signed file to which somebody appended a revision, byte by byte. What a viewer shows then is what qpdf finds behind
 * the cross-reference.
 */

const pki = createTestPki(t);
const signer = pki.signer(newkeys['EC-P256']);
const data = { certificates: [...signer.chain, pki.other('somebody', 'person')], ocsps: [randomBytes(90)], crls: [] };

async function signed(pdf: Uint8Array): Promise<Buffer> {
  const { context } = await preparePdf(pdf, {
    ...{ chain: signer.chain, scheme: { digest: 'SHA-256' }, signingTime: new Date(), level: 'B-B' },
  });
  return embedSignature(context, sign('SHA-256', context.signedAttributes, signer.key));
}

/** The numbers of the objects that the first page has for contents. */
async function contentsOf(pdf: Uint8Array): Promise<number[]> {
  const page = (await PDFDocument.load(pdf, { updateMetadata: false })).getPage(0).node;
  const contents = page.get(PDFName.of('Contents'));
  const refs = contents instanceof PDFArray ? contents.asArray() : [contents];
  return refs.flatMap((ref) => (ref instanceof PDFRef ? [ref.objectNumber] : []));
}

/** The object as a viewer sees it. */
function shown(pdf: Buffer, number: number): string {
  const file = join(pki.directory, 'shown.pdf');
  writeFileSync(file, pdf);
  return execFileSync('qpdf', ['--warning-exit-0', `--show-object=${number}`, '--raw-stream-data', file], {
    ...{ encoding: 'latin1', stdio: ['ignore', 'pipe', 'ignore'] },
  });
}

/** Appends objects, and a cross-reference table that names these offsets; `f` for an object that is gone. */
function appended(pdf: Buffer, objects: string, entries: Record<number, number | 'f'>): Buffer {
  const text = pdf.toString('latin1');
  const before = /startxref\s+(\d+)\s+%%EOF\s*$/.exec(text)![1];
  const kept = [...text.matchAll(/\/(?:Root|Info) \d+ 0 R/g)].slice(-2).join(' ');
  const lines = Object.entries(entries).map(([number, where]) =>
    where === 'f' ? `${number} 1\n0000000000 00001 f \n` : `${number} 1\n${String(where).padStart(10, '0')} 00000 n \n`,
  );
  const trailer = `trailer\n<< /Size 999 ${kept} /Prev ${before} >>\nstartxref\n${pdf.length + objects.length}\n%%EOF\n`;
  return Buffer.concat([pdf, Buffer.from(`${objects}xref\n${lines.join('')}${trailer}`, 'latin1')]);
}

const stream = (number: number, bytes: string) =>
  `${number} 0 obj\n<< /Length ${bytes.length} >>\nstream\n${bytes}\nendstream\nendobj\n`;
const forged = 'BT (Forged) Tj ET';

for (const [name, pdf] of Object.entries({
  'a classic cross-reference table': sample,
  'cross-reference and object streams': qpdf(pki.directory, sample, '--object-streams=generate'),
})) {
  t.test(
    `${name}: a reader shows what was appended by cross-reference, and it is not taken for validation data`,
    async (t) => {
      const dangling = 700;
      const [number = 0] = await contentsOf(pdf);
      const older = stream(number, forged);
      const document = await PDFDocument.load(pdf);
      const own = document.getPage(0).node.get(PDFName.of('Contents'))!;
      document.getPage(0).node.set(PDFName.of('Contents'), document.context.obj([own, PDFRef.of(dangling)]));
      // An older copy of the contents, which is no object of the file, but stands in it.
      document.context.register(document.context.stream(`\n${older}`));
      const bytes = await document.save({ useObjectStreams: name.includes('streams') });
      const once = await signed(bytes);
      const kept = await addValidationData(once, data);
      const hidden = stream(number, forged);
      const start = kept.length;
      const attacks: Record<string, [number, Buffer]> = {
        'an entry that points elsewhere in what is signed': [
          ...[number, appended(kept, '', { [number]: once.indexOf(older) })],
        ] as [number, Buffer],
        'an entry for nothing': [number, appended(kept, '', { [number]: 'f' })],
        'an object hidden in a new stream': [
          number,
          appended(kept, stream(900, `\n${hidden}`), {
            [number]: start + stream(900, `\n${hidden}`).indexOf(hidden),
            900: start,
          }),
        ],
        'an object for a number that nothing defined': [
          ...[dangling, appended(kept, stream(dangling, forged), { [dangling]: start })],
        ] as [number, Buffer],
        'a new object in its right place': [number, appended(kept, hidden, { [number]: start })],
        'without a store': [number, appended(once, hidden, { [number]: once.length })],
      };
      await t.resolves(newestSignature(kept));
      for (const [what, [changed, attack]] of Object.entries(attacks)) {
        t.notSame(shown(attack, changed), shown(kept, changed), `shown: ${what}`);
        t.match(pdfsig(pki, attack)[0], 'Signature is Valid.', what);
        await t.rejects(newestSignature(attack), { kind: 'document', message: /changed after/ }, what);
      }
    },
  );
}

t.test('one more entry in the cross-reference of the validation data itself', async (t) => {
  const once = await signed(sample);
  const kept = await addValidationData(once, data);
  const [number = 0] = await contentsOf(once);
  const [head, tail] = [kept.subarray(0, once.length), kept.toString('latin1', once.length)];
  const entry = `${number} 1\n0000000000 00001 f \n`;
  const attack = Buffer.concat([head, Buffer.from(tail.replace(/(xref\n0 1\n.{20})/s, `$1${entry}`), 'latin1')]);
  t.equal(attack.length, kept.length + entry.length);
  t.notSame(shown(attack, number), shown(kept, number));
  await t.rejects(newestSignature(attack), { kind: 'document', message: /changed after/ });
});

t.test('new objects take no number that something refers to, so that no certificate can become a page', async (t) => {
  const document = await PDFDocument.load(sample);
  const { context } = document;
  const next = context.largestObjectNumber + 1;
  const refs = Array.from({ length: 40 }, (_, index) => PDFRef.of(next + index));
  document.getPage(0).node.set(PDFName.of('Annots'), context.obj(refs));
  const kept = await addValidationData(await signed(await document.save({ useObjectStreams: false })), data);
  await t.resolves(newestSignature(kept));
  t.equal(structureComplaints(pki, kept), '');
  const after = (await PDFDocument.load(kept, { updateMetadata: false })).context;
  t.same(
    refs.filter((ref) => after.lookup(ref) !== undefined),
    [],
  );
});
