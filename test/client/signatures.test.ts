import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { lastSignature } from '../../src/client/last-signature.ts';
import { refused } from '../helpers/refused.ts';

const sample = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'sample', 'giay-xac-nhan.pdf'));

/** The skeleton of a signed PDF: what stands before /Contents, the value, and what stands behind. */
function skeleton({ cms = '30820003020105', tail = ' trailer', shift = 0 } = {}): Buffer {
  const contents = `<${cms}0000>`;
  const head = (range: string) => `%PDF-1.7 /ByteRange [${range.padEnd(40)}] /Contents `;
  const start = head('').length;
  const range = `0 ${start} ${start + contents.length + shift} ${tail.length - shift}`;
  return Buffer.from(head(range) + contents + tail, 'latin1');
}

t.test('the newest signature comes out without its padding, with all bytes around it', async (t) => {
  const { cms, content } = lastSignature(skeleton());
  t.equal(cms.toString('hex'), '30820003020105');
  t.ok(content.toString('latin1').endsWith(' trailer'));
});

t.test('what the newest signature does not cover is refused', async (t) => {
  const refusals: [string, Buffer][] = [
    ['no signature', sample],
    ['bytes behind the signed ones', Buffer.concat([skeleton(), Buffer.from('more')])],
    ['a gap wider than /Contents', skeleton({ shift: 3 })],
    ['not a CMS', skeleton({ cms: '04820003020105' })],
    ['not hexadecimal', skeleton({ cms: '30820003zz0105' })],
  ];
  for (const [name, pdf] of refusals) t.throws(() => lastSignature(pdf), refused('document'), name);
});
