import { KysoError } from './errors.ts';

/** What JSON can say. Objects have no prototype, so that `__proto__` and `constructor` are names like any other. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Containers inside each other. The deepest message that any of our APIs knows has four. */
const maxDepth = 32;

/** Values in one text, so that a body of nothing but commas costs little. The largest message has about a thousand. */
const maxValues = 4096;

const whitespace = /[ \t\n\r]*/y;
const numberToken = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const plainCharacters = /[^"\\\u0000-\u001f]*/y;
const hexDigits = /[0-9A-Fa-f]{4}/y;
const escapes: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * The one JSON reader (RFC 8259, S22). Stricter than JSON.parse: UTF-8 without BOM, no member name twice, no more
 * than 32 levels and 4,096 values, no number beyond a double, no half of a surrogate pair. A member whose value is
 * null is left out, so that null means absent; inside an array null stays. The caller bounds the size in bytes.
 * @throws KysoError requestInvalid — anything else; the message gives the place, never the text
 */
export function readJson(bytes: Uint8Array): Json {
  const text = decodeUtf8(bytes);
  let at = 0;
  let values = 0;

  const refuse = (why: string) => new KysoError('requestInvalid', `JSON: ${why} at character ${at}`);

  /** The text that the sticky pattern matches here; `at` moves behind it. */
  function take(pattern: RegExp): string {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0] ?? '';
    at += match.length;
    return match;
  }

  /** True and one step on when `token` stands here. */
  function skip(token: string): boolean {
    if (!text.startsWith(token, at)) return false;
    at += token.length;
    return true;
  }

  function value(depth: number): Json {
    values += 1;
    if (values > maxValues) throw refuse('too many values');
    take(whitespace);
    if (text[at] === '"') return string();
    if (skip('{')) return object(depth + 1);
    if (skip('[')) return array(depth + 1);
    if (skip('true')) return true;
    if (skip('false')) return false;
    if (skip('null')) return null;
    return number();
  }

  function object(depth: number): Json {
    if (depth > maxDepth) throw refuse('too deep');
    const members: { [name: string]: Json } = Object.create(null);
    const names = new Set<string>();
    take(whitespace);
    if (skip('}')) return members;
    do {
      take(whitespace);
      if (text[at] !== '"') throw refuse('a member name was expected');
      const name = string();
      if (names.has(name)) throw refuse('a member name is there twice');
      names.add(name);
      take(whitespace);
      if (!skip(':')) throw refuse('a colon was expected');
      const member = value(depth);
      if (member !== null) members[name] = member;
      take(whitespace);
    } while (skip(','));
    if (!skip('}')) throw refuse('the end of an object was expected');
    return members;
  }

  function array(depth: number): Json {
    if (depth > maxDepth) throw refuse('too deep');
    const elements: Json[] = [];
    take(whitespace);
    if (skip(']')) return elements;
    do {
      elements.push(value(depth));
      take(whitespace);
    } while (skip(','));
    if (!skip(']')) throw refuse('the end of an array was expected');
    return elements;
  }

  function string(): string {
    at += 1;
    let content = take(plainCharacters);
    while (skip('\\')) content += escaped() + take(plainCharacters);
    if (!skip('"')) throw refuse('the end of a string was expected');
    if (!content.isWellFormed()) throw refuse('half of a surrogate pair');
    return content;
  }

  function escaped(): string {
    if (skip('u')) {
      const digits = take(hexDigits);
      if (digits === '') throw refuse('four hexadecimal digits were expected');
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const character = escapes[text[at] ?? ''];
    if (character === undefined) throw refuse('an unknown escape');
    at += 1;
    return character;
  }

  function number(): number {
    const token = take(numberToken);
    if (token === '') throw refuse('a value was expected');
    const result = Number(token);
    if (!Number.isFinite(result)) throw refuse('a number out of range');
    return result;
  }

  const result = value(0);
  take(whitespace);
  if (at !== text.length) throw refuse('the end was expected');
  return result;
}

/** A byte order mark stays in the text, where the reader refuses it like any other character that starts no value. */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new KysoError('requestInvalid', 'JSON: not UTF-8', { cause });
  }
}
