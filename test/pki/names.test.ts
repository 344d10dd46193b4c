import * as asn1 from 'asn1js';
import t from 'tap';
import { distinguishedName } from '../../src/pki/distinguished-name.ts';
import { encodeName, type Subject } from '../../src/pki/names.ts';
import { teacher } from '../helpers/authority.ts';
import { refused } from '../helpers/refused.ts';

const plain: Subject = { country: 'VN', organisation: 'Sở Y tế', organisationalUnits: [], commonName: 'Lê Văn Đạt' };

t.test('a name holds every field in the order of VGCA and in its string type', async (t) => {
  const { result } = asn1.fromBER(encodeName(teacher));
  const attributes = (result as asn1.Sequence).valueBlock.value.map((rdn) => {
    const [type, value] = ((rdn as asn1.Set).valueBlock.value[0] as asn1.Sequence).valueBlock.value;
    return `${(type as asn1.ObjectIdentifier).getValue()} ${value?.constructor.name} ${(value as asn1.Utf8String).getValue()}`;
  });
  t.strictSame(attributes, [
    '2.5.4.6 PrintableString VN',
    '2.5.4.7 Utf8String Quảng Ngãi',
    '2.5.4.10 Utf8String ỦY BAN NHÂN DÂN TỈNH QUẢNG NGÃI',
    '2.5.4.11 Utf8String ỦY BAN NHÂN DÂN XÃ SƠN MỸ',
    '2.5.4.11 Utf8String TRƯỜNG TRUNG HỌC CƠ SỞ SỐ 1',
    '2.5.4.3 Utf8String Nguyễn Thị Ánh',
    '1.2.840.113549.1.9.1 IA5String ntanh@quangngai.gov.vn',
    '0.9.2342.19200300.100.1.1 Utf8String CCCD:051190000001',
  ]);
});

t.test('S76: composed and decomposed spellings give the same bytes', async (t) => {
  const decomposed = { ...plain, commonName: plain.commonName.normalize('NFD') };
  t.not(decomposed.commonName, plain.commonName);
  t.strictSame(encodeName(decomposed), encodeName(plain));
});

t.test('RFC 5280 upper bounds count characters, not bytes', async (t) => {
  t.doesNotThrow(() => encodeName({ ...plain, commonName: 'Ế'.repeat(64) }));
  t.doesNotThrow(() => encodeName({ ...plain, commonName: 'Ế'.normalize('NFD').repeat(64) }));
  t.doesNotThrow(() => encodeName({ ...plain, locality: 'Ế'.repeat(128) }));
});

/** A value in a test's name: ASCII only, since some of these would break the report. */
const show = (value: string) => encodeURI(value.slice(0, 20).toWellFormed());

t.test('S76: hostile names are refused, and the sentence says why', async (t) => {
  const values: [string, string][] = [
    ['', 'is empty'],
    [' ', 'is empty'],
    ['Lê\u0000Đạt', 'control'],
    ['Lê\nĐạt', 'control'],
    ['Lê\u202eĐạt', 'bidirectional'],
    ['Lê\u2066Đạt', 'bidirectional'],
    ['Lê\u200bĐạt', 'invisible'],
    ['\ufeffLê', 'invisible'],
    ['Lê\u2028Đạt', 'control'],
    ['Lê\u00a0Đạt', 'control'],
    ['Lê\ud800', 'control'],
    ['Lê\ue000', 'control'],
    ['Lê, Giám đốc', 'comma'],
    [' Lê', 'stray space'],
    ['Lê ', 'stray space'],
    ['Lê  Đạt', 'stray space'],
    ['x'.repeat(65), 'more than 64'],
    ['x'.repeat(1 << 20), 'more than 64'],
  ];
  for (const [value, why] of values) {
    const label = show(value);
    const expected = { ...refused('nameRefused'), message: new RegExp(why) };
    t.throws(() => encodeName({ ...plain, commonName: value }), expected, `${label} as common name`);
    t.throws(() => encodeName({ ...plain, organisation: value }), expected, `${label} as organisation`);
    t.throws(() => encodeName({ ...plain, organisationalUnits: ['Khoa Nội', value] }), expected, `${label} as unit`);
  }
  t.throws(() => encodeName({ ...plain, locality: 'x'.repeat(129) }), {
    ...refused('nameRefused'),
    message: /128/,
  });
  for (const email of ['', 'a', 'a@b', 'a b@c.vn', 'a@c.vn\n', 'ánh@c.vn', '<a@c.vn>', `a@${'b.'.repeat(200)}vn`]) {
    t.throws(() => encodeName({ ...plain, email }), refused('nameRefused'), show(email));
  }
  for (const number of ['', '05119000000', '0511900000010', '05119000000x', '０51190000001']) {
    const personalId = { kind: 'CCCD' as const, number };
    t.throws(() => encodeName({ ...plain, personalId }), refused('nameRefused'), show(number));
  }
});

t.test('RFC 4514: names of any certificate become strings, escaped where a reader would go wrong', async (t) => {
  const attribute = (type: string, value: asn1.BaseBlock) =>
    new asn1.Sequence({ value: [new asn1.ObjectIdentifier({ value: type }), value] });
  const name = (...rdns: asn1.Sequence[][]) =>
    new Uint8Array(new asn1.Sequence({ value: rdns.map((value) => new asn1.Set({ value })) }).toBER());
  const cn = (value: string) => attribute('2.5.4.3', new asn1.Utf8String({ value }));
  const ou = attribute('2.5.4.11', new asn1.PrintableString({ value: 'Sales' }));
  const dc = attribute('0.9.2342.19200300.100.1.25', new asn1.IA5String({ value: 'example' }));
  const cases: [Uint8Array, string][] = [
    [encodeName(plain), 'CN=Lê Văn Đạt,O=Sở Y tế,C=VN'],
    [name([dc], [ou, cn('J.  Smith')]), 'OU=Sales+CN=J.  Smith,DC=example'],
    [name([cn('James "Jim" Smith, III')]), 'CN=James \\"Jim\\" Smith\\, III'],
    [name([cn('a+b;c<d>e\\f=g')]), 'CN=a\\+b\\;c\\<d\\>e\\\\f=g'],
    [name([cn('Before\rAfter\u0000')]), 'CN=Before\\0DAfter\\00'],
    [name([cn(' #x ')]), 'CN=\\ #x\\ '],
    [name([cn('#x')]), 'CN=\\#x'],
    [name([cn(' ')]), 'CN=\\ '],
    [name([cn('')]), 'CN='],
    [name([attribute('2.5.4.97', new asn1.Utf8String({ value: 'Lu' }))]), '2.5.4.97=#0c024c75'],
    [name([attribute('2.5.4.3', new asn1.OctetString({ valueHex: Buffer.of(1) }))]), 'CN=#040101'],
    [name([attribute('2.5.4.3', new asn1.BmpString({ value: 'Ánh' }))]), 'CN=Ánh'],
  ];
  for (const [der, expected] of cases) t.equal(distinguishedName(der), expected);
  for (const broken of [Buffer.alloc(0), Buffer.from('0500', 'hex'), Buffer.from('3002310030', 'hex')]) {
    t.throws(() => distinguishedName(broken), refused('document'), broken.toString('hex'));
  }
});
