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

/** RFC 4648 decoded bit by bit, without any decoder of the platform. */
function byHand(text: string, alphabet: string): Buffer | undefined {
  const values = [...text].map((character) => alphabet.indexOf(character));
  if (text === '' || values.includes(-1) || values.length % 4 === 1) return undefined;
  const bits = values.map((value) => value.toString(2).padStart(6, '0')).join('');
  const whole = bits.length - (bits.length % 8);
  if (bits.slice(whole).includes('1')) return undefined;
  return Buffer.from(
    bits
      .slice(0, whole)
      .match(/.{8}/g)!
      .map((byte) => Number.parseInt(byte, 2)),
  );
}

t.test('S24: on every short text both decoders agree with one written by hand', async (t) => {
  const standard = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const symbols = ['A', 'B', 'Q', 'w', '/', '+', '_', '-', '=', ' ', '\n', 'é'];
  const disagreements: string[] = [];
  let accepted = 0;
  const visit = (text: string) => {
    const bare = text.replace(/={1,2}$/, '');
    const rightPadding =
      bare === text || (text.length % 4 === 0 && bare.length % 4 === 4 - (text.length - bare.length));
    const full = text.length % 4 === 0 && rightPadding ? byHand(bare, standard) : undefined;
    const digest = rightPadding ? byHand(bare.replaceAll('-', '+').replaceAll('_', '/'), standard) : undefined;
    const same = (a: Buffer | undefined, b: Buffer | undefined) => (a && b ? a.equals(b) : a === b);
    if (!same(decodeBase64(text), full) || !same(decodeDigest(text), digest)) disagreements.push(text);
    if (digest) accepted += 1;
    if (text.length < 5) for (const symbol of symbols) visit(text + symbol);
  };
  visit('');
  t.same(disagreements.slice(0, 5), []);
  t.ok(accepted > 1_000, `${accepted} of them are right`);
});
