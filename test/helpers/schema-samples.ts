import type { Random } from './random.ts';

/** The part of JSON Schema that our schemas use. */
export type Schema = {
  type?: string;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly Schema[];
  properties?: Record<string, Schema>;
  required?: readonly string[];
  additionalProperties?: boolean;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
};

const oids = [
  '1.2.840.10045.4.3.2',
  '1.2.840.113549.1.1.1',
  '1.2.840.113549.1.1.10',
  '2.16.840.1.101.3.4.2.1',
  '1.2.3',
];

/** How texts of each pattern and format look. A schema with another one fails the test that met it: add it here. */
const texts: Record<string, (random: Random) => string> = {
  '^[A-Za-z0-9_-]+$': (random) => random.bytes(16).toString('base64url'),
  '^[A-Za-z0-9+/]*={0,2}$': (random) => random.bytes(random.pick([32, 48, 64])).toString('base64'),
  '^[0-9]+(\\.[0-9]+)+$': (random) => random.pick(oids),
  '^[0-9A-Fa-f]+$': (random) => random.bytes(8).toString('hex'),
  '^[0-9a-f]{32}$': (random) => random.bytes(16).toString('hex'),
  '^([1-9][0-9]?|100)$': (random) => String(1 + random.below(100)),
  digest: (random) => random.bytes(random.pick([32, 48, 64])).toString(random.pick(['base64', 'base64url'])),
};

/** A value that fits the schema. `known` gives values of members by their names, which random ones would never meet. */
export function sampleOf(schema: Schema, random: Random, known: (name: string) => unknown = () => undefined): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return random.pick(schema.enum);
  if (schema.anyOf) return sampleOf(random.pick(schema.anyOf), random, known);
  const between = (low: number, high: number) => low + random.below(Math.max(1, high - low + 1));
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {})
          .filter(([name]) => schema.required?.includes(name) || random.once(2))
          .map(([name, member]) => [name, known(name) ?? sampleOf(member, random, known)]),
      );
    case 'array': {
      const { minItems = 0, maxItems = 4, items = {} } = schema;
      return Array.from({ length: between(minItems, Math.min(maxItems, minItems + 4)) }, () =>
        sampleOf(items, random, known),
      );
    }
    case 'string': {
      const form = schema.pattern ?? schema.format;
      if (form === undefined)
        return random
          .bytes(between(schema.minLength ?? 0, 8))
          .toString('hex')
          .slice(0, schema.maxLength);
      const text = texts[form];
      if (!text) throw new Error(`no text is known for ${form}`);
      return text(random);
    }
    case 'integer':
    case 'number':
      return between(schema.minimum ?? 0, Math.min(schema.maximum ?? 1000, 1000));
    case 'boolean':
      return random.once(2);
    default:
      return random.pick([1, 'x', true, ['x'], { x: 1 }]);
  }
}
