import t from 'tap';
import { type Json, readJson } from '../../src/base/json.ts';

const read = (text: string | Buffer) => readJson(Buffer.from(text as string));
const refused = (text: string | Buffer) => {
  try {
    read(text);
    return false;
  } catch (error) {
    return (error as { kind?: string }).kind === 'requestInvalid';
  }
};

/** A small repeatable generator (mulberry32), so that a failure can be run again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function randomJson(random: (below: number) => number, depth = 0): Json {
  const kind = random(depth > 4 ? 4 : 6);
  if (kind === 0) return random(2) === 0;
  if (kind === 1) return (random(2_000_001) - 1_000_000) / 10 ** random(9);
  if (kind < 4) return randomText(random);
  if (kind === 4) return Array.from({ length: random(5) }, () => (random(9) ? randomJson(random, depth + 1) : null));
  return Object.fromEntries(
    Array.from({ length: random(5) }, () => [randomText(random), randomJson(random, depth + 1)]),
  );
}

function randomText(random: (below: number) => number): string {
  const alphabet = ['a', '"', '\\', '/', '\n', '\u0000', '\u001f', 'ệ', '𝄞', '\u2028', '__proto__', ' ', '{', ','];
  return Array.from({ length: random(6) }, () => alphabet[random(alphabet.length)]).join('');
}

t.test('S22: reads what JSON.parse reads', async (t) => {
  for (const text of [
    '{}',
    '[]',
    '0',
    '-0',
    '1e-400',
    '"\\u00e9\\ud834\\udd1e"',
    ' [ 1 , "a" ,null ] ',
    '\t{"a":{}}\n',
  ]) {
    t.same(read(text), JSON.parse(text), text);
  }
  const random = randomFrom(2026);
  for (let run = 0; run < 2_000; run += 1) {
    const value = randomJson(random);
    const text = JSON.stringify(value, null, random(3));
    if (JSON.stringify(read(text)) !== JSON.stringify(JSON.parse(text))) t.fail(text);
  }
});

t.test('S22: refuses what JSON.parse refuses', async (t) => {
  const broken = ['', ' ', '{', '[1', '[1,]', '{"a":1,}', '{a:1}', "'a'", '01', '1.', '.5', '+1', '1 2', 'tru', 'NaN'];
  const strings = ['"', '"\n"', '"\\x41"', '"\\u12"', '"\\', '"\\v"', '-', '{"a" 1}', '{"a":}', '[,1]', '\u00a01'];
  for (const text of [...broken, ...strings]) {
    t.throws(() => JSON.parse(text), 'JSON.parse refuses it too');
    t.ok(refused(text), JSON.stringify(text));
  }
  const random = randomFrom(7);
  for (let run = 0; run < 5_000; run += 1) {
    const text = JSON.stringify(randomJson(random));
    const cut = random(text.length + 1);
    const mutant = text.slice(0, cut) + ['', '"', '}', ',', '\\', '1', ':'][random(7)] + text.slice(cut + random(2));
    let parses = true;
    try {
      JSON.parse(mutant);
    } catch {
      parses = false;
    }
    if (!parses && !refused(mutant)) t.fail(`accepted ${mutant}`);
  }
});

t.test('S22: refuses what JSON.parse lets through', async (t) => {
  const table: [string, string | Buffer][] = [
    ['a name twice', '{"hash":1,"hash":2}'],
    ['a name twice, spelled differently', '{"hash":1,"h\\u0061sh":2}'],
    ['a name twice, first null', '{"hash":null,"hash":2}'],
    ['a name twice, deep inside', '[{"a":{"b":1,"b":1}}]'],
    ['a byte order mark', '\uFEFF{}'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22])],
    ['an over-long form of UTF-8', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['a surrogate written as UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['half of a surrogate pair', '"\\ud834"'],
    ['a number that is not finite', '1e400'],
    ['a negative number that is not finite', '[-1e400]'],
    ['33 levels', '['.repeat(33) + ']'.repeat(33)],
    ['33 levels of objects', `${'{"a":'.repeat(32)}{}${'}'.repeat(32)}`],
    ['4,097 values', `[${Array(4096).fill(0)}]`],
    ['a hundred thousand levels', '['.repeat(100_000)],
  ];
  for (const [what, text] of table) t.ok(refused(text), what);
  t.notOk(refused('['.repeat(32) + ']'.repeat(32)), '32 levels are read');
  t.notOk(refused(`[${Array(4095).fill(0)}]`), '4,096 values are read');
});

t.test('null means absent in objects, and stays in arrays', async (t) => {
  t.same(JSON.stringify(read('{"lang":null,"a":[null,{"b":null}]}')), '{"a":[null,{}]}');
  t.equal(read('null'), null);
});

t.test('__proto__ and constructor are names like any other', async (t) => {
  const object = read('{"__proto__":{"admin":true},"constructor":1}') as Record<string, Json>;
  t.equal(object.admin, undefined);
  t.equal(({} as Record<string, unknown>).admin, undefined);
  t.same(Object.keys(object), ['__proto__', 'constructor']);
  t.equal((read('{}') as Record<string, Json>).toString, undefined, 'nothing is inherited');
});

t.test('S26: a refusal names the place and not the text', async (t) => {
  t.throws(() => read('{"PIN":"secret-pin'), { message: 'JSON: the end of a string was expected at character 18' });
});
