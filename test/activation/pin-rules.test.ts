import t from 'tap';
import { assertGoodPin } from '../../src/activation/pin.ts';
import { refused } from '../helpers/refused.ts';

const holder = {
  userId: 'bs.anh',
  name: 'Nguyễn Thị Ánh',
  email: 'anhnt.syt@quangngai.gov.vn',
  phone: '+84901234567',
};

const bad: Record<string, string[]> = {
  'shorter than 8': ['', 'a2#d', '8h2kd0x', 'ựựựựựựự'],
  'longer than 64': ['8h2kd0xz'.repeat(9), `${'a1b2c3d4'.repeat(8)}x`],
  'control characters': ['8h2k\u0000d0x', '8h2kd0x\n', '8h2k\u0085d0x'],
  'fewer than 4 different characters': ['11111111', '12121212', 'aabbaabb', '1231231213'],
  'a sequence': [
    '12345678',
    '23456789',
    '1234567890',
    '98765432',
    '0987654321',
    'abcdefgh',
    'HGFEDCBA',
    'a1234567',
    '12345678!',
    'abc12345',
  ],
  'a repetition': ['12341234', 'abcdabcd', '1357135713571357', 'aB3aB3aB3'],
  'what many people choose': [
    'password',
    'Password123',
    'matkhau2026',
    'MATKHAU!!',
    'qwerty123456',
    'qwertyuiop',
    'admin@2026',
    '1q2w3e4r',
    'P@ssw0rd1',
    'abcd1234',
  ],
  'about the holder': [
    'bs.anh#2026',
    'x0901234567',
    '901234567x',
    '+84901234567',
    '84901234567',
    '0901-234-567',
    'NguyenThiAnh',
    'nguyễn thị ánh 1',
    'anhnt.syt26',
    'AnhntSyt-26',
  ],
};

for (const [rule, pins] of Object.entries(bad)) {
  t.test(`S46: a PIN is refused that is ${rule}`, async (t) => {
    for (const pin of pins) t.throws(() => assertGoodPin(pin, holder), refused('pinRefused'), JSON.stringify(pin));
  });
}

t.test('S46: other PINs are taken', async (t) => {
  const good = [
    '28190463',
    '8h2kd0xz',
    'con mèo trèo cây',
    '🐈🐈🐕🐦🐟🐘🐇🦆',
    '20260931',
    'a1b2c3d4'.repeat(8).replace(/.$/, 'x'),
    'admin-không-phải',
  ];
  for (const pin of good) t.doesNotThrow(() => assertGoodPin(pin, holder), pin);
});

t.test('S46: the same word typed on two keyboards is one PIN, and of one length', async (t) => {
  const { pinBytes } = await import('../../src/activation/pin.ts');
  t.same(pinBytes('mèo trèo'.normalize('NFD')), pinBytes('mèo trèo'));
  t.throws(
    () => assertGoodPin('mèo trè'.normalize('NFD'), holder),
    refused('pinRefused'),
    'seven letters, nine code points',
  );
});
