import { randomBytes } from 'node:crypto';
import t from 'tap';
import { decodeBase64, decodeDigest } from '../../src/base/base64.ts';

t.test('S24: decoding undoes encoding, for every length', async (t) => {
  for (let length = 1; length <= 70; length += 1) {
    const bytes = randomBytes(length);
    const spellings = [
      bytes.toString('base64'),
      bytes.toString('base64url'),
      bytes.toString('base64').replace(/=+$/, ''),
    ];
    t.same(decodeBase64(bytes.toString('base64')), bytes);
    for (const text of spellings) t.same(decodeDigest(text), bytes, text);
  }
  t.same(decodeDigest('-_-_'), decodeDigest('+/+/'), 'both alphabets are the same bytes');
  t.same(decodeDigest('-_8='), Buffer.from('fbff', 'hex'), 'base64url may be padded');
});

t.test('S24: every non-canonical form is refused', async (t) => {
  const table = ['', '=', '====', 'A', 'AB==', 'AAB=', 'AA=', 'AA===', 'AAA==', 'AAAA=', 'AAAA==', 'AAAA===='];
  const dirt = [
    'AA==AA==',
    ' AAA',
    'AAAA\n',
    'AA AA',
    'AA\nAA',
    '!!!!',
    'AAAA!',
    'AA%3D%3D',
    'ＡＡＡＡ',
    'AAAA=AAAA',
    '\u0000AAA',
  ];
  for (const text of [...table, ...dirt]) {
    t.equal(decodeBase64(text), undefined, `base64 ${JSON.stringify(text)}`);
    t.equal(decodeDigest(text), undefined, `digest ${JSON.stringify(text)}`);
  }
  for (const text of ['AA', 'AAA', '-_-_', 'AAAAAA']) t.equal(decodeBase64(text), undefined, `base64 ${text}`);
});
