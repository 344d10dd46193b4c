import type { Random } from '../helpers/random.ts';
import { type Schema, sampleOf } from '../helpers/schema-samples.ts';

/** What nobody expects to be the name of a member. */
const names = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  '',
  '$ref',
  'a.b',
  '\0',
  'ẩn',
];

/** Texts that have broken something somewhere. */
export const texts = [
  '',
  ' ',
  '\0',
  'a\r\nSet-Cookie: x=1',
  "' OR 1=1; --",
  '%00%0a%ff',
  '../../../etc/passwd',
  '{{7*7}}#{7*7}<%= 7*7 %>',
  '<script>alert(1)</script>',
  '\u202eذhủ khóa\u0301\u0301\u0301',
  '\ufeff',
  '\ud800',
  '𝕂ý số 🖋',
  'ﬁＡ①',
  '-1e999',
  'null',
  '__proto__',
  'MARKER-'.repeat(4),
  'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgh=',
  'a'.repeat(300),
  'ố'.repeat(5000),
];

const nested = (depth: number): unknown =>
  depth === 0 ? 1 : depth % 2 ? [nested(depth - 1)] : { a: nested(depth - 1) };

/** Values of every type, at and beyond what JSON readers agree on. */
const values: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 1, 1.5, 1e308, -1e-320, 2 ** 53, -(2 ** 63), [], {}, [[]], [null]],
  ...[{ __proto__: null, length: 3 }, { length: 1, 0: 'x' }, { toString: 'x' }, ['a', 1, null, {}], nested(20)],
  ...texts,
];

/** One schema's ways to be nearly right: each member absent, of another type, at its bounds and beyond. */
export function nearMisses(
  schema: Schema,
  random: Random,
  known: (name: string) => unknown,
): Record<string, unknown>[] {
  const good = () => {
    const full: Schema = { ...schema, required: Object.keys(schema.properties ?? {}) };
    return sampleOf(full, random, known) as Record<string, unknown>;
  };
  const bodies: Record<string, unknown>[] = [good(), {}];
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const { [name]: _, ...without } = good();
    bodies.push(without);
    for (const value of [...values, ...bounds(member, random)]) bodies.push({ ...good(), [name]: value });
  }
  for (const name of names) bodies.push(Object.fromEntries([...Object.entries(good()), [name, { admin: true }]]));
  return bodies;
}

function bounds(schema: Schema, random: Random): unknown[] {
  const { minLength = 0, maxLength = 1024, minItems, maxItems, minimum, maximum, items = {} } = schema;
  const some = [minimum, maximum].flatMap((bound) => (bound === undefined ? [] : [bound - 1, bound, bound + 1]));
  if (schema.type === 'string') {
    for (const length of [minLength - 1, minLength, maxLength, maxLength + 1]) {
      if (length >= 0) some.push(...(['x'.repeat(length), '9'.repeat(length)] as never[]));
    }
  }
  const lists = [minItems, maxItems].flatMap((bound) => (bound === undefined ? [] : [bound - 1, bound, bound + 1]));
  return [
    ...some,
    ...lists.filter((length) => length >= 0).map((length) => Array.from({ length }, () => sampleOf(items, random))),
  ];
}

/** A body that is no JSON, or JSON that one reader takes and another does not. */
export function oddText(good: string, random: Random): string | Buffer {
  const at = random.below(good.length + 1);
  const bytes = Buffer.from(good);
  switch (random.below(12)) {
    case 0:
      return good.slice(0, at);
    case 1:
      return (
        good.slice(0, at) + random.pick(['"', '{', '}', ',', ':', '\\', '\0', '//', "'", '\\u00zz']) + good.slice(at)
      );
    case 2:
      bytes[random.below(Math.max(1, bytes.length))] = random.below(256);
      return bytes;
    case 3:
      return random.bytes(random.below(200));
    case 4:
      return `${good}${random.pick(['{}', ' x', '\n\n', ',', '\0'])}`;
    case 5:
      return good.replace('{', '{"credentialID":"a","credentialID":"b",');
    case 6:
      return random.pick(['', 'null', 'true', '0', '"x"', '[]', '[{}]', '[[[', 'NaN', '{"a":1,}', '{a:1}', "{'a':1}"]);
    case 7:
      return '['.repeat(1 + random.below(100_000));
    case 8:
      return `{"clientData":"${'\\u0041'.repeat(random.below(20_000))}"}`;
    case 9:
      return `{"hash":[${'0,'.repeat(random.below(60_000))}0]}`;
    case 10:
      return `{${'"a":1,'.repeat(random.below(5000))}"b":2}`;
    default:
      return `{"x":${random.pick(['1e999', '-0', '00', '0x1', '1.', '.5', '+1', '1e', '9'.repeat(400)])}}`;
  }
}
