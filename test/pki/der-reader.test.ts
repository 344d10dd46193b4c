import t from 'tap';
import { DerReader, readDer, serialText } from '../../src/pki/der-reader.ts';
import { refused } from '../helpers/refused.ts';

const reader = (hex: string) => new DerReader(Buffer.from(hex, 'hex'), 'a test');
const text = (tag: string, value: string) =>
  `${tag}${value.length.toString(16).padStart(2, '0')}${Buffer.from(value).toString('hex')}`;

t.test('S79: what is BER and not DER is refused', async (t) => {
  const cases: [string, string, (bytes: DerReader) => unknown][] = [
    ['a long length for a short one', '04810100', (r) => r.element()],
    ['a length with a leading zero', `04820080${'00'.repeat(128)}`, (r) => r.element()],
    ['an indefinite length', '30800000', (r) => r.element()],
    ['a high tag number', '1f0100', (r) => r.element()],
    ['a length beyond the end', '0402ff', (r) => r.element()],
    ['another tag', '0500', (r) => r.element(4)],
    ['a padded INTEGER', '02020001', (r) => r.integer(9)],
    ['a padded negative INTEGER', '0202ff80', (r) => r.integer(9)],
    ['an empty INTEGER', '0200', (r) => r.integer(9)],
    ['an INTEGER that is too long', '02020101', (r) => r.integer(1)],
    ['a negative small number', '0201ff', (r) => r.small()],
    ['a padded arc', '06032a8001', (r) => r.oid()],
    ['an unfinished arc', '06022a81', (r) => r.oid()],
    ['an empty OID', '0600', (r) => r.oid()],
    ['TRUE as 01', '010101', (r) => r.boolean()],
    ['unused bits', '03020780', (r) => r.bits()],
    ['a time without seconds', text('17', '2601020304Z'), (r) => r.time()],
    ['a time of another zone', text('17', '260102030405+0700'), (r) => r.time()],
    ['the 30th of February', text('17', '260230030405Z'), (r) => r.time()],
    ['the 25th hour', text('18', '20260102240405Z'), (r) => r.time()],
    ['a fraction that ends with zero', text('18', '20260102030405.10Z'), (r) => r.time()],
    ['an empty fraction', text('18', '20260102030405.Z'), (r) => r.time()],
    ['an empty list', '', (r) => r.list(9, (items) => items.element())],
    ['a list that is too long', '05000500', (r) => r.list(1, (items) => items.element())],
    ['something behind', '05000500', (r) => [r.element(), r.end()]],
  ];
  for (const [what, hex, read] of cases)
    t.throws(() => read(reader(hex)), { ...refused('document'), message: 'not a test' }, what);
  t.throws(() => readDer(Buffer.from('300000', 'hex'), 'a test'), refused('document'));
});

t.test('values come out as they were meant', async (t) => {
  t.equal(reader(`0481${'80'}${'ab'.repeat(128)}`).element(4).content.length, 128);
  t.equal(reader('06032a8648').follows(4), false);
  for (const [hex, oid] of Object.entries({
    '06022a03': '1.2.3',
    '0603883703': '2.999.3',
    '0602692a': '2.25.42',
    '06012a': '1.2',
  })) {
    t.equal(reader(hex).oid(), oid);
  }
  t.equal(reader(text('17', '491231235959Z')).time().toISOString(), '2049-12-31T23:59:59.000Z');
  t.equal(reader(text('17', '500101000000Z')).time().toISOString(), '1950-01-01T00:00:00.000Z');
  t.equal(reader(text('18', '20510101000000.0625Z')).time().toISOString(), '2051-01-01T00:00:00.062Z');
  t.strictSame(
    ['00', '00ff', 'ff', '7f', '0080'].map((hex) => serialText(Buffer.from(hex, 'hex'))),
    ['00', 'FF', '-FF', '7F', '80'],
  );
});
