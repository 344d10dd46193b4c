import type { LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import { Compile } from 'typebox/compile';
import { methods } from '../../src/http/csc/methods.ts';

const errorBody = {
  type: 'object',
  ...{ required: ['error', 'error_description'], additionalProperties: false },
  properties: { error: { type: 'string' }, error_description: { type: 'string' } },
};

/** A schema whose objects have no members that it does not name. */
const closed = (schema: object) =>
  JSON.parse(JSON.stringify(schema), (_, part) =>
    part?.type === 'object' && part.properties ? { ...part, additionalProperties: false } : part,
  );

const schemas = new Map(
  methods.map(({ name, docs }) => [name, docs.answer ? Compile(closed(docs.answer)) : undefined] as const),
);
const isError = Compile(errorBody);

/** Holds an answer of a CSC method against what the OpenAPI document says of it. */
export function checkAnswer(t: Test, method: string, { statusCode, body, json }: LightMyRequestResponse): void {
  if (statusCode >= 400) {
    if (!isError.Check(json())) t.fail(`${method}: ${body} is no error answer`);
    return;
  }
  const schema = schemas.get(method);
  // Without a schema there is nothing to say; some clients get that as {}.
  const fits = schema
    ? statusCode === 200 && schema.Check(json())
    : ['204 ', '200 {}'].includes(`${statusCode} ${body}`);
  if (!fits) t.fail(`${method}: ${statusCode} ${body} is not in its document`);
}
